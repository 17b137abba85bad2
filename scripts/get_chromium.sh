#!/usr/bin/env bash
# Install Debian's chromium for the browser tests, if it is missing. Nothing else is needed: no driver, no download.
set -euo pipefail
command -v chromium >/dev/null && exit 0
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
for try in 1 2 3; do
  if "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq update &&
    "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends chromium fonts-liberation; then
    exit 0
  fi
  sleep $((try * 5))
done
echo "chromium could not be installed; the browser tests will be skipped." >&2
