#!/usr/bin/env bash
# Format and lints, warnings as errors. Says which of them failed.
set -uo pipefail
. "$(dirname "$0")/tools.sh"

failed=0
check() { step "$*"; "$@" || { failed=1; printf 'lint failed: %s\n' "$*"; }; }
check cargo fmt --all --check
check cargo clippy --workspace --all-targets --quiet -- -D warnings
npm_packages || exit 1
check npm --prefix web run --silent check
# Allowed licences, advisories and sources of crates, for those who have the tool.
if command -v cargo-deny >/dev/null; then check cargo deny --log-level error check; fi
exit "$failed"
