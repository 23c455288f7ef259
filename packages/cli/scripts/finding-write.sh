#!/bin/sh
# finding-write.sh <agentId> <topic> <content> [importance]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy finding-write.sh -- "$@"
