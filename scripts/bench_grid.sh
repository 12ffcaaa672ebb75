#!/usr/bin/env bash
# The paper's whole grid on the simulated GPU: 5 models x 7 clocks x 3 batch sizes x 3 repeats x 3,817 queries, stored and
# reported; then the same with half the queries, for the ratio. Prints time and peak memory of each.
#   scripts/bench_grid.sh DATA_DIR [PROGRAM]
set -euo pipefail
data=$(realpath "$1")
cd "$(dirname "$0")/.."
program=${2:-build/release/apps/cli/phasewatt}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure LABEL COMMAND...: wall seconds and peak resident memory (maximum over the processes waited for).
measure() {
  python3 - "$@" <<'PY'
import resource, subprocess, sys, time
label, command = sys.argv[1], sys.argv[2:]
begin = time.monotonic()
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
seconds = time.monotonic() - begin
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{label:<28} {seconds:7.1f} s {memory:8.0f} MiB")
PY
}

for size in whole half; do
  study="$work/$size.toml"
  if [ $size = whole ]; then cp studies/paper-grid.toml "$study"
  else sed 's/sample *= *"paper:1000"/sample = 500/' studies/paper-grid.toml | awk '/name *= *"truthfulqa"/{t=1} t&&/sample/{sub(/500/,"408");t=0} {print}' >"$study"
  fi
  measure "$size: simulate and store" "$program" study run "$study" --data-dir "$data" --output "$work/$size.db" --jobs 2 --quiet
  measure "$size: report" "$program" report "$work/$size.db" --output "$work/$size-report"
  "$program" study status "$work/$size.db" --json | python3 -c 'import json,sys; s=json.load(sys.stdin); print("  points", s["points_done"], "requests", s["requests"])'
  ls -l "$work/$size.db" | awk '{printf "  database %.0f MiB\n", $5 / 1048576}'
done
