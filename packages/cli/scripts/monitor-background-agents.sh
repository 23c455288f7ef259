#!/bin/sh
# monitor-background-agents.sh [...], as sartor monitor --once
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" monitor --once "$@"
