#!/usr/bin/env bash
# Drives the whole OAuth2 login in headless Chromium: run.sh [FOLDER FOR SCREENSHOTS]
#
# Installs what is missing: Chromium and a font by apt-get, the pinned npm
# packages into node_modules. Exits with 0 only where every scenario passes.
set -euo pipefail
shots=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v chromium >/dev/null || ! ls /usr/share/fonts/truetype/dejavu >/dev/null 2>&1; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium fonts-dejavu-core
fi
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock.json
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go build -o "$scratch/browsertest" .
node drive.mjs "$scratch/browsertest" ${shots:+"$shots"}
