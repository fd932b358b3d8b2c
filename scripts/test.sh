#!/usr/bin/env bash
# Every test there is: lints, the dashboard, the crates, the third-party peers and a real browser. What is missing is
# installed. A failure does not stop the others; the last line is the sum, `N passed, N failed, N skipped`.
set -uo pipefail
. "$(dirname "$0")/tools.sh"

passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# count PASSED FAILED SKIPPED: adds the figures of one runner, and where it said none that is a failure.
count() {
  if [ -z "${1:-}" ]; then failed=$((failed + 1)); return; fi
  passed=$((passed + $1)) failed=$((failed + ${2:-0})) skipped=$((skipped + ${3:-0}))
}

# figure FILE WORD: the number before WORD in the summary of a runner, 0 where there is none.
figure() { grep -oE "[0-9]+ $2" "$1" | awk '{ n += $1 } END { print n + 0 }'; }

lints() {
  step "lints"
  scripts/lint.sh || count 0 1
}

web() {
  step "dashboard: unit tests and build"
  local report=$scratch/vitest.json
  npm_packages || { count 0 1; return; }
  npm --prefix web exec -- vitest run --root web --reporter=default --reporter=json --outputFile="$report"
  # shellcheck disable=SC2046
  count $(node -e 'const r = require(process.argv[1]); console.log(r.numPassedTests, r.numFailedTests + r.numFailedTestSuites * !r.numFailedTests, r.numPendingTests)' "$report")
  npm --prefix web run build || count 0 1
}

# Without the recordings beside the project the tests that need them are left out and counted as skipped.
shared_is_there() { [ -d ../shared/data ] && [ -d ../shared/peers ]; }
tests_of_shared() { grep -c '^#\[test\]' crates/andon/tests/shared.rs; }

crates() {
  step "crates"
  if command -v cargo-nextest >/dev/null; then with_nextest; else with_cargo_test; fi
}

with_nextest() {
  local log=$scratch/nextest filter=()
  shared_is_there || filter=(-E 'not binary(shared)')
  cargo nextest run --workspace --no-fail-fast --color never "${filter[@]}" 2>&1 | tee "$log"
  local status=${PIPESTATUS[0]}
  grep -E '^ *Summary ' "$log" >"$log.summary" || { count 0 1; return; }
  local failures=$(($(figure "$log.summary" failed) + $(figure "$log.summary" 'timed out')))
  # Where the server for the tests can't be started no test runs, and none has failed.
  [ "$failures" != 0 ] || [ "$status" = 0 ] || failures=1
  count "$(figure "$log.summary" passed)" "$failures" "$(figure "$log.summary" skipped)"
}

with_cargo_test() {
  local log=$scratch/cargo-test targets=(--lib --bins) file name left_out=0 server
  # nextest starts it by itself, as .config/nextest.toml says.
  if server=$(scripts/postgres.sh $$); then export "${server?}"; else count 0 1; fi
  for file in crates/*/tests/*.rs; do
    name=$(basename "$file" .rs)
    if [ "$name" = shared ] && ! shared_is_there; then left_out=$(tests_of_shared); else targets+=(--test "$name"); fi
  done
  cargo test --workspace --no-fail-fast "${targets[@]}" 2>&1 | tee "$log"
  [ "${PIPESTATUS[0]}" = 0 ] || grep -q '^test result: FAILED' "$log" || count 0 1
  grep '^test result:' "$log" >"$log.summary"
  count "$(figure "$log.summary" passed)" "$(figure "$log.summary" failed)" "$(($(figure "$log.summary" ignored) + left_out))"
}

peers() {
  step "third-party peers"
  local log=$scratch/peers
  "$ANDON_PYTHON" -m unittest discover --start-directory tests/peers --verbose 2>&1 | tee "$log"
  local ran bad
  ran=$(sed -nE 's/^Ran ([0-9]+) tests?.*/\1/p' "$log")
  bad=$(grep -cE '^(FAIL|ERROR): ' "$log")
  [ -n "$ran" ] || { count 0 1; return; }
  count $((ran - bad)) "$bad"
}

browser() {
  step "real browser against the demo"
  local log=$scratch/e2e.tap
  ANDON_TAP=$log scripts/e2e.sh || [ -s "$log" ] || { count 0 1; return; }
  tap() { sed -nE "s/^# $1 ([0-9]+)$/\1/p" "$log" | tail -n 1; }
  count "$(tap pass)" "$(($(tap fail) + $(tap cancelled)))" "$(tap skipped)"
}

lints
web
ANDON_PYTHON=$(peer_python) || { count 0 1; ANDON_PYTHON=python3; }
export ANDON_PYTHON
crates
peers
browser

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
