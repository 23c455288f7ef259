#!/bin/sh
# verify-agent-status-files.sh [--repair], as sartor verify
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" verify "$@"
