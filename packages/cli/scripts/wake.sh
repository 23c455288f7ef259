#!/bin/sh
# wake.sh <agentId> <TYPE> <message> [priority]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy wake.sh -- "$@"
