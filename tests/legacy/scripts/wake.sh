#!/bin/bash
# wake.sh <agentId> <TYPE> <message> [priority]
. "$(dirname "$0")/common.sh"
if [ $# -lt 3 ]; then echo "Usage: wake.sh <agentId> <TYPE> <message> [priority]" >&2; exit 1; fi
agent=$1 type=$2 message=$3 priority=${4:-normal}
case $type in COMPLETE|BLOCKED|FINDING|ERROR) ;; *) echo "Unknown type: $type" >&2; exit 1 ;; esac
case $priority in normal|high|critical) ;; *) echo "Unknown priority: $priority" >&2; exit 1 ;; esac
epoch=$(date +%s) id="wake-$(date +%s)-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')"
mkdir -p "$DATA/wake/URGENT"
name="$epoch-$agent.json"
cat > "$DATA/wake/$name" <<JSON
{
  "wakeId": "$id",
  "agentId": "$agent",
  "type": "$type",
  "message": "$message",
  "priority": "$priority",
  "timestamp": "$(now)",
  "acknowledged": false
}
JSON
[ "$priority" = critical ] && cp "$DATA/wake/$name" "$DATA/wake/URGENT/$name"
file="$DATA/agent-status/$agent.json"
if [ -f "$file" ]; then
  exec 9>"$file.lock"
  flock -x 9
  if grep -q '"wakeMessageSent"' "$file"; then
    rewrite "$file" 's/"wakeMessageSent": \(true\|false\)/"wakeMessageSent": true/'
  else
    # The comma at the start of a line: valid, and what is found in the field.
    perl -0pe 's/\n\}\s*$/\n,\n  "wakeMessageSent": true\n}\n/' "$file" > "$file.new.$$" && cat "$file.new.$$" > "$file"
    rm -f "$file.new.$$"
  fi
  exec 9>&-
fi
echo "{\"wakeId\":\"$id\",\"agentId\":\"$agent\",\"type\":\"$type\",\"priority\":\"$priority\",\"status\":\"sent\"}"
