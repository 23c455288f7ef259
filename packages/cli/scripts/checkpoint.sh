#!/bin/sh
# checkpoint.sh <agentId> <phase> <milestone> [details]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy checkpoint.sh -- "$@"
