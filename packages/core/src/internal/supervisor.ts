/**
 * A shell script that runs an agent and stays beside it. It and the agent are one process group. Descriptor 3 is a pipe
 * whose other end only the worker holds: when it closes, the worker is gone, however it died, and the group is ended:
 * first asked, after two seconds killed. Descriptor 4 keeps the agent's stdin, which a shell takes from what runs in the
 * background. The traps let the shell outlive a signal to its group for as long as the agent does; what the shell starts
 * does not inherit them.
 */
export const supervisor = `
exec 4<&0
"$@" <&4 3<&- 4<&- &
agent=$!
exec 4<&- </dev/null
( trap '' TERM INT HUP; read -r _ <&3; kill -TERM 0; sleep 2; kill -KILL 0 ) >/dev/null 2>&1 &
watcher=$!
trap : TERM INT HUP
exec 3<&-
while :; do
  wait "$agent"
  code=$?
  kill -0 "$agent" 2>/dev/null || break
done
kill -KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$code"
`
