#!/bin/sh
# status-cleanup.sh
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy status-cleanup.sh -- "$@"
