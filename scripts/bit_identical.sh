#!/usr/bin/env bash
# The same study with one worker and two, built with GCC and with Clang: prints the digest of each database's rows; exit 1 when
# they differ.
#   scripts/bit_identical.sh [STUDY]
set -euo pipefail
cd "$(dirname "$0")/.."
study=${1:-studies/demo.toml}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
digests=()
for compiler in g++ clang++-14; do
  build=build/identical-$compiler
  mkdir -p "$build"
  scripts/quietly.sh "$build/build.log" cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=$compiler \
    -DPHASEWATT_TESTS=OFF -DPHASEWATT_WEB=OFF
  scripts/quietly.sh "$build/build.log" cmake --build "$build" -j "$(nproc)" --target phasewatt_cli
  for jobs in 1 2; do
    "$build/apps/cli/phasewatt" study run "$study" --output "$work/$compiler-$jobs.db" --jobs $jobs --quiet >/dev/null
    digest=$("$build/apps/cli/phasewatt" study status "$work/$compiler-$jobs.db" --digest --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["digest"])')
    echo "$compiler, $jobs worker(s): $digest"
    digests+=("$digest")
  done
done
[ "$(printf '%s\n' "${digests[@]}" | sort -u | wc -l)" = 1 ] || { echo "the rows differ" >&2; exit 1; }
echo "bit-identical"
