#!/bin/sh
# session-manager.sh create|list|resume|delete [...], as sartor session
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" session "$@"
