#!/bin/sh
# Runs the engine's tests under valgrind: no read or write beyond a buffer, no decision on what was never written. The
# portable and the AVX2 kernel are run; valgrind knows no AVX-512, and hides it from the program. The paper's sizes, which
# would take minutes, are left to the ordinary tests.
#
# usage: scripts/valgrind.sh [cases of each property, default 8]
set -eu
cd "$(dirname "$0")/.."
export PROPTEST_CASES="${1:-8}"
target=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
export "CARGO_TARGET_${target}_RUNNER=valgrind --quiet --error-exitcode=9 --fair-sched=yes"
cargo test -p andon-model --lib -- --test-threads=1 engine::
cargo test -p andon-model --test engine -- --test-threads=1 --skip the_paper_s_sizes --skip a_long_stream
