#!/usr/bin/env bash
# clang-tidy over the C++ sources that differ from a base commit (default: the parent of HEAD), or over all with `--all`.
#   scripts/tidy.sh [--all | BASE]
set -euo pipefail
cd "$(dirname "$0")/.."
git rev-parse --git-dir >/dev/null
mkdir -p build/tidy
scripts/quietly.sh build/tidy/build.log cmake --preset tidy

base=${1:-HEAD~1}
if [ "$base" = --all ] || ! git rev-parse -q --verify "$base" >/dev/null; then
  mapfile -t changed < <(git ls-files 'src/*.cpp' 'apps/*.cpp')
else
  mapfile -t changed < <(git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' 'apps/*.cpp' 'src/*.h' 'apps/*.h')
fi
# The embedded engine is in no build with Clang 14 (cmake/libtorch.cmake says why).
mapfile -t changed < <(printf '%s\n' "${changed[@]}" | grep -v -e '/engine/libtorch/' -e '/libtorch_plugin/')
# A changed header is checked through the source of its name.
declare -A sources=()
for file in "${changed[@]}"; do
  source=${file%.h}.cpp
  source=${source/%.cpp.cpp/.cpp}
  [ -f "$source" ] && sources[$source]=1
done
[ ${#sources[@]} -gt 0 ] || { echo "phasewatt: no C++ source differs from $base"; exit 0; }
echo "phasewatt: clang-tidy on ${#sources[@]} files"
printf '%s\n' "${!sources[@]}" | sort | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p build/tidy 2>build/tidy/tidy.err ||
  { tail -20 build/tidy/tidy.err >&2; exit 1; }
