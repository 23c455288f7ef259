#!/bin/sh
# feedback.sh <agentId> <type> <message> [severity]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy feedback.sh -- "$@"
