#!/usr/bin/env bash
# The drill of two andon on one PostgreSQL, ANDON_DRILL_KILLS times: who takes over, how fast, and whether alarms stay right.
set -euo pipefail
. "$(dirname "$0")/tools.sh"
postgres=$(scripts/postgres.sh $$)
export "${postgres?}"
# The whole workspace, so that the stack is not built again for another set of features.
cargo test --workspace --test sharing -- --nocapture
