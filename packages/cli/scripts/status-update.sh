#!/bin/sh
# status-update.sh <agentId> <key> <value>
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy status-update.sh -- "$@"
