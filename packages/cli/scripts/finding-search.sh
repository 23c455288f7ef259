#!/bin/sh
# finding-search.sh <topic> [--agent <id>] [--min-importance <x>]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy finding-search.sh -- "$@"
