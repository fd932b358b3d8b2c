#!/usr/bin/env bash
# Runs web/e2e in a real Chromium against a demo of its own, on free ports and in a folder that is removed afterwards.
# With ANDON_URL set it runs against that Andon instead. ANDON_TAP names a file for the results.
set -euo pipefail
. "$(dirname "$0")/tools.sh"

npm_packages
ANDON_CHROMIUM=$(chromium_path) || need "no Chromium: install one, or name it with ANDON_CHROMIUM"
export ANDON_CHROMIUM

scratch=$(mktemp -d)
demo=""
finish() {
  if [ -n "$demo" ]; then
    kill -TERM "$demo" 2>/dev/null || true
    wait "$demo" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap finish EXIT

if [ -z "${ANDON_URL:-}" ]; then
  dashboard
  # The whole workspace, so that the stack is not built again for another set of features.
  cargo build --workspace --bins
  http=$(free_port)
  ANDON_URL=http://127.0.0.1:$http
  "$(target_dir)/debug/andon" demo --http "127.0.0.1:$http" --opcua "127.0.0.1:$(free_port)" --data-dir "$scratch/data" \
    >"$scratch/log" 2>&1 &
  demo=$!
  for _ in $(seq 120); do
    node -e 'fetch(process.argv[1]).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))' "$ANDON_URL/healthz" && break
    kill -0 "$demo" 2>/dev/null || { cat "$scratch/log" >&2; need "the demo did not start"; }
    sleep 0.5
  done
fi
export ANDON_URL

status=0
node --test --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="${ANDON_TAP:-$scratch/tap}" web/e2e/*.test.mjs || status=$?
if [ "$status" != 0 ] && [ -e "$scratch/log" ]; then
  printf '\nthe demo said:\n'
  tail -n 50 "$scratch/log"
fi
exit "$status"
