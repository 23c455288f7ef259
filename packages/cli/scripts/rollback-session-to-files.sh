#!/bin/sh
# rollback-session-to-files.sh [...], as sartor rollback --to files
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" rollback --to files "$@"
