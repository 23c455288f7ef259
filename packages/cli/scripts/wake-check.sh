#!/bin/sh
# wake-check.sh [--urgent-only] [--since <timestamp>]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy wake-check.sh -- "$@"
