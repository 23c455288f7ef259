#!/bin/bash
# count.sh <agentId> <times>: counts in a key of a status file, as two scripts at once would lose it without the lock.
. "$(dirname "$0")/common.sh"
file="$DATA/agent-status/$1.json"
for ((i = 0; i < $2; i++)); do
  (
    exec 9>"$file.lock"
    flock -x 9
    n=$(grep -o '"count": *"[0-9]*"' "$file" | grep -o '[0-9]*')
    [ -n "$n" ] || { echo "unparsable: $(cat "$file")" >&2; exit 1; }
    rewrite "$file" "s/\"count\": \"[0-9]*\"/\"count\": \"$((n + 1))\"/"
  ) || exit 1
done
