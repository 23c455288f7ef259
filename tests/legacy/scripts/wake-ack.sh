#!/bin/bash
# wake-ack.sh <wakeId>
. "$(dirname "$0")/common.sh"
if [ $# -lt 1 ]; then echo "Usage: wake-ack.sh <wakeId>" >&2; exit 1; fi
id=$1
files=$(grep -lF "\"wakeId\": \"$id\"" "$DATA"/wake/*.json "$DATA"/wake/URGENT/*.json 2>/dev/null)
if [ -z "$files" ]; then echo "{\"error\":\"Wake message not found\",\"wakeId\":\"$id\"}" >&2; exit 1; fi
for file in $files; do
  rewrite "$file" "s/\"acknowledged\": false/\"acknowledged\": true,\n  \"acknowledgedAt\": \"$(now)\"/"
  agent=$(grep -o '"agentId": "[^"]*"' "$file" | cut -d'"' -f4)
done
if ! grep -l "\"agentId\": \"$agent\"" "$DATA"/wake/*.json | xargs grep -l '"acknowledged": false' >/dev/null 2>&1; then
  status="$DATA/agent-status/$agent.json"
  if [ -f "$status" ]; then
    exec 9>"$status.lock"
    flock -x 9
    rewrite "$status" 's/"wakeMessageSent": true/"wakeMessageSent": false/'
    exec 9>&-
  fi
fi
echo "{\"status\": \"acknowledged\", \"wakeId\": \"$id\"}"
