#!/bin/sh
# handoff-signal.sh <agentId> <status> <handoffId> <nextRole> [file]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy handoff-signal.sh -- "$@"
