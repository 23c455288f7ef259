#!/bin/sh
# wake-ack.sh <wakeId>
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy wake-ack.sh -- "$@"
