#!/bin/sh
# status-read.sh
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy status-read.sh -- "$@"
