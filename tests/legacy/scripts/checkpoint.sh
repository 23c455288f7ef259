#!/bin/bash
# checkpoint.sh <agentId> <phase> <milestone> [details]
. "$(dirname "$0")/common.sh"
if [ $# -lt 3 ]; then echo "Usage: checkpoint.sh <agentId> <phase> <milestone> [details]" >&2; exit 1; fi
agent=$1 phase=$2 milestone=$3 details=${4:-}
case $phase in
  research) progress=0.2 ;; planning) progress=0.4 ;; implementation) progress=0.6 ;; testing) progress=0.8 ;; cleanup) progress=1.0 ;;
  *) echo "Unknown phase: $phase (valid: research planning implementation testing cleanup)" >&2; exit 1 ;;
esac
escape() { printf '%s' "$1" | perl -0pe 's/\\/\\\\/g; s/"/\\"/g; s/\n/\\n/g; s/\r/\\r/g; s/\t/\\t/g'; }
at=$(now)
mkdir -p "$DATA/checkpoints"
echo "$at|$phase|$(escape "$milestone")|$(escape "$details")" >> "$DATA/checkpoints/$agent.log"
file="$DATA/agent-status/$agent.json"
mkdir -p "$DATA/agent-status"
exec 9>"$file.lock"
flock -x 9
[ -f "$file" ] || printf '{\n  "agentId": "%s",\n  "status": "active",\n  "findings": []\n}\n' "$agent" > "$file"
# A slash in the milestone ends the expression, and the script.
for pair in "phase=$phase" "milestone=$milestone" "progress=$progress" "lastCheckpoint=$at" "checkpointDetails=$details" "lastUpdate=$at"; do
  set_key "$file" "${pair%%=*}" "\"${pair#*=}\"" || exit 255
done
exec 9>&-
echo "{\"checkpoint\":\"$milestone\",\"phase\":\"$phase\",\"progress\":$progress,\"agent\":\"$agent\"}"
