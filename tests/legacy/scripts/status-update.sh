#!/bin/bash
# status-update.sh <agentId> <key> <value>
. "$(dirname "$0")/common.sh"
if [ $# -lt 3 ]; then echo "Usage: status-update.sh <agentId> <key> <value>" >&2; exit 1; fi
agent=$1 key=$2 value=$3
file="$DATA/agent-status/$agent.json"
mkdir -p "$DATA/agent-status"
exec 9>"$file.lock"
flock -x 9
if [ ! -f "$file" ]; then
  printf '{\n  "agentId": "%s",\n  "%s": "%s",\n  "lastUpdate": "%s",\n  "status": "active",\n  "findings": []\n}\n' \
    "$agent" "$key" "$value" "$(now)" > "$file"
elif [ "$key" = findings ]; then
  if grep -q '"findings":[[:space:]]*\[\]' "$file"; then
    rewrite "$file" "s/\"findings\":[[:space:]]*\[\]/\"findings\": [\"$value\"]/"
  else
    rewrite "$file" "s/\"findings\":[[:space:]]*\[/\"findings\": [\"$value\", /"
  fi
  set_key "$file" lastUpdate "\"$(now)\""
else
  case $value in true|false) json=$value ;; *) json="\"$value\"" ;; esac
  set_key "$file" "$key" "$json"
  set_key "$file" lastUpdate "\"$(now)\""
fi
exec 9>&-
echo "{\"updated\":\"$key\",\"agent\":\"$agent\"}"
