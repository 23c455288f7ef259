# What the scripts of the system before share. Written for the tests, to behave as the legacy formats say: the ugly ways too.
DATA="${DATA_DIR:-data}"
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# Edits the file in place, a line at a time, as sed -i does not: truncate and write, so that its inode stays.
rewrite() { # file, sed expression
  local text
  text=$(sed -e "$2" "$1") && printf '%s\n' "$text" > "$1"
}
# Sets a key of an open status file: in its line, else before each closing brace.
set_key() { # file, key, JSON value
  if grep -q "\"$2\":[[:space:]]" "$1"; then
    rewrite "$1" "s/\"$2\":[[:space:]]*\(\"[^\"]*\"\|\[[^]]*\]\|true\|false\)/\"$2\": $3/"
  else
    perl -0pe "s/\n\}/,\n  \"$2\": $3\n}/" "$1" > "$1.new.$$" && cat "$1.new.$$" > "$1"
    rm -f "$1.new.$$"
  fi
}
