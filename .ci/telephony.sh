#!/usr/bin/env bash
# Tests the examples that put Patchbay behind telephones. They are modules of their own, so "go test ./..." does not know them.
# Installs SIPp on a Debian machine whose user may; Asterisk is used if it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v sipp >/dev/null 2>&1; then
	root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
	root apt-get update -qq
	root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends sip-tester >/dev/null
fi
export PATCHBAY_TELEPHONY=required

program="$(mktemp -d)/patchbay"
trap 'rm -rf "$(dirname "$program")"' EXIT
go build -o "$program" ./cmd/patchbay
export PATCHBAY_PROGRAM="${PATCHBAY_PROGRAM:-$program}"

for example in examples/sip-redirect examples/asterisk-ari; do
	echo "$example"
	(cd "$example" && go mod tidy -diff && go vet ./... && go test -race -timeout 5m ./...)
done
