#!/bin/bash
# mixed.sh <agentId> <writer> <times>: keys, findings and checkpoints in turn, by the scripts that write them.
here=$(dirname "$0")
for ((i = 0; i < $3; i++)); do
  case $((i % 3)) in
    0) "$here/status-update.sh" "$1" "key-$2" "$i" ;;
    1) "$here/status-update.sh" "$1" findings "$2-$i" ;;
    2) "$here/checkpoint.sh" "$1" testing "$2-$i" ;;
  esac > /dev/null || exit 1
done
