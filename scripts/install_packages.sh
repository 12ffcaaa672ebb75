#!/bin/sh
# Installs the Debian packages named in packaging/packages-<list>.txt that are missing, as root or through sudo, and says
# which. Does nothing, and touches no network, when all are there.
#   scripts/install_packages.sh build [test] [ci]
set -eu
cd "$(dirname "$0")/.."

wanted=""
for list in "$@"; do
  wanted="$wanted $(grep -v '^#' "packaging/packages-$list.txt")"
done
# npm bundles the report page; an npm that is there already, from wherever, is as good as Debian's.
command -v npm >/dev/null 2>&1 || wanted="$wanted npm"

missing=""
for package in $wanted; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || { echo "phasewatt: all packages are installed"; exit 0; }

if [ "$(id -u)" = 0 ]; then as_root=""
elif command -v sudo >/dev/null 2>&1; then as_root="sudo"
else
  echo "phasewatt: these packages are missing, and neither root nor sudo is at hand:$missing" >&2
  echo "phasewatt: ask an administrator to run: apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
echo "phasewatt: installing with apt-get:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "phasewatt: apt-get failed; the lines above say why" >&2
  exit 1
fi
