#!/usr/bin/env bash
# Drives the whole OAuth2 login in headless Chromium: run.sh [FOLDER FOR SCREENSHOTS]
#
# Installs what is missing: Chromium and a font by apt-get, as root or by sudo,
# the pinned npm packages into node_modules. Exits with 0 only where every
# scenario passes.
set -euo pipefail
shots=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
cd "$(dirname "${BASH_SOURCE[0]}")"

browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

missing=()
browser >/dev/null || missing+=(chromium)
[[ -n $(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null) ]] || missing+=(fonts-dejavu-core)
if ((${#missing[@]})); then
  sudo=()
  ((EUID == 0)) || sudo=(sudo -n)
  "${sudo[@]}" apt-get update -q
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock.json
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go build -o "$scratch/browsertest" .
CONNIX_BROWSER=$(browser) node drive.mjs "$scratch/browsertest" ${shots:+"$shots"}
