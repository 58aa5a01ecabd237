#!/usr/bin/env bash
# Tries the REST API of a real host against its own OpenAPI document: every check, every phase, requests that fit the document and
# requests that do not, and sequences of them. "schemathesis.sh short" takes a minute at most and is for CI; "full" takes some
# minutes. What is found is printed with the request that shows it. Installs what it needs into the user's cache, once.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-short}" in
# The seed keeps what is drawn the same, so that a change of the host is what makes a difference.
short) limits=(--max-examples 5 --max-time 55 --seed 1) ;;
full) limits=(--max-examples 300) ;;
*) echo "usage: $0 [short|full]" >&2; exit 2 ;;
esac

settings=tools/schemathesis
venv="${XDG_CACHE_HOME:-$HOME/.cache}/patchbay/schemathesis-$(sha256sum $settings/requirements.txt | cut -c1-12)"
if [ ! -x "$venv/bin/schemathesis" ]; then
	rm -rf "$venv"
	if ! python3 -m venv "$venv"; then
		root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
		root apt-get update -qq
		root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
		python3 -m venv --clear "$venv"
	fi
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement $settings/requirements.txt
fi

work="$(mktemp -d)"
host=
finish() {
	if [ -n "$host" ]; then
		kill "$host" 2>/dev/null || true
		wait "$host" || echo "the host ended with $?"
	fi
	rm -rf "$work"
}
trap finish EXIT

program="${PATCHBAY_PROGRAM:-$work/patchbay}"
if [ -z "${PATCHBAY_PROGRAM:-}" ]; then
	go build -o "$program" ./cmd/patchbay
fi
PATCHBAY_KEY="$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
export PATCHBAY_KEY
sed "s/\$KEY/$(printf %s "$PATCHBAY_KEY" | sha256sum | cut -d' ' -f1)/; s/\$SECRET/whsec_$(head -c 32 /dev/urandom | base64 | sed 's:/:\\/:g')/" $settings/company.yaml >"$work/company.yaml"
mkfifo "$work/ready"
"$program" serve --json --config "$work/company.yaml" --data "$work/data" --listen 127.0.0.1:0 --log-level error >"$work/ready" &
host=$!
read -r ready <"$work/ready"
url="$(printf %s "$ready" | sed -E 's/.*"url":"([^"]+)".*/\1/')"

cp $settings/schemathesis.toml $settings/hooks.py "$work"
cd "$work"
"$venv/bin/schemathesis" --no-color run "$url/openapi.json" "${limits[@]}" "${@:2}"
# A host that a request has killed is no host that passed.
kill -0 "$host"
