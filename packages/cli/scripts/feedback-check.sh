#!/bin/sh
# feedback-check.sh <agentId>
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy feedback-check.sh -- "$@"
