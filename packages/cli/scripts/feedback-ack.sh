#!/bin/sh
# feedback-ack.sh <agentId> <feedbackId> [response]
here=$(dirname "$(readlink -f "$0")")
exec node "$here/../bin/sartor.mjs" legacy feedback-ack.sh -- "$@"
