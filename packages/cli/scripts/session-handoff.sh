#!/bin/sh
# session-handoff.sh create|list|show|accept|reject|complete [...], as sartor handoff
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" handoff "$@"
