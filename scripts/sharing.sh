#!/usr/bin/env bash
# The drill of two andon on one PostgreSQL, ANDON_DRILL_KILLS times: who takes over, how fast, and whether alarms stay right.
set -euo pipefail
. "$(dirname "$0")/tools.sh"
postgres=$(scripts/postgres.sh $$)
export "${postgres?}"
cargo test -p andon --test sharing -- --nocapture
