#!/usr/bin/env bash
# Builds the dashboard and the release binary, and runs the demo. Arguments go to `andon demo`.
set -euo pipefail
. "$(dirname "$0")/tools.sh"

command -v cargo >/dev/null || need "cargo is missing: install Rust (https://rustup.rs)"
dashboard
cargo build --release --package andon
exec "$(target_dir)/release/andon" demo "$@"
