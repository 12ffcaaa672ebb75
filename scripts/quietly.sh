#!/bin/sh
# Runs a command with its output in a log; on failure shows the log's end.
#   scripts/quietly.sh LOG COMMAND...
log=$1
shift
if ! "$@" >>"$log" 2>&1; then
  tail -40 "$log" >&2
  echo "phasewatt: '$*' failed; the whole log is in $log" >&2
  exit 1
fi
