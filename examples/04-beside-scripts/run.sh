#!/bin/sh
# An old agent and a new session on one data folder, each seen by the other's tools.
set -e
here=$(dirname "$0")
export SARTOR_DATA_DIR="${SARTOR_DATA_DIR:-data}"

# The old agent works with the scripts, which ship with sartor under their names.
sh "$here/old-agent.sh" > /dev/null 2>&1

# A new agent is a session. It has a status file and a log, as the old one has.
sartor session create --role auditor --task-type links --id auditor-links-1 --prompt "Check every link" > /dev/null
sartor checkpoint auditor-links-1 testing crawled "24 pages" 2> /dev/null
sartor wake send --session auditor-links-1 --status blocked --summary "Which host?" --priority critical > /dev/null

echo "What the old tools see:"
status-read.sh
wake-check.sh --urgent-only | grep '"message"'

echo "What the new ones see:"
sartor session list
sartor wake list

echo "An old tool acknowledges the new wake, a new one the old:"
wake-ack.sh "$(wake-check.sh --urgent-only | grep '"wakeId"' | cut -d'"' -f4)"
for id in $(sartor wake list --json | grep -o '"wake_id":"[^"]*"' | cut -d'"' -f4); do sartor wake ack "$id"; done
wake-check.sh || echo "nothing waits"
sartor wake audit
sartor verify
