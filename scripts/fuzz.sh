#!/usr/bin/env bash
# Builds the fuzzers, which lie in the preset asan, and runs each for an equal share of the given seconds, from its
# committed seeds. A crash leaves its input in build/fuzz/ and fails.
#   scripts/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
mkdir -p build/asan build/fuzz
scripts/quietly.sh build/asan/build.log cmake --preset asan
scripts/quietly.sh build/asan/build.log cmake --build --preset asan -j "$(nproc)" --target fuzzers

fuzzers=(build/asan/tests/fuzz/*_fuzz)
share=$((seconds / ${#fuzzers[@]}))
[ "$share" -gt 0 ] || share=1
for fuzzer in "${fuzzers[@]}"; do
  name=$(basename "$fuzzer" _fuzz)
  mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
  log="build/fuzz/$name.log"
  if ! "$fuzzer" -max_total_time="$share" -timeout=20 -rss_limit_mb=4096 -artifact_prefix="build/fuzz/$name-" \
      "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    tail -40 "$log"
    echo "phasewatt: fuzzer $name found something; the input lies in build/fuzz/$name-*" >&2
    exit 1
  fi
  echo "$name: $(grep -Eo '^Done [0-9]+ runs' "$log" | tail -1)"
done
