#!/usr/bin/env bash
# Times the engine beside candle, PyTorch, onnxruntime and tract on the same weights, and a training step beside PyTorch's. Prints
# Markdown, as in docs/performance.md. Needs a quiet machine and some gigabytes for PyTorch. ARGS="--quick" makes
# three rounds of ten.
set -euo pipefail
. "$(dirname "$0")/tools.sh"

python=$(bench_python)
cargo build --release --package andon-model --example peer --bench training
cargo build --release --manifest-path bench/peers/tract/Cargo.toml
target=$(target_dir)
tract=${CARGO_TARGET_DIR:-bench/peers/tract/target}/release/peer-tract
training=$(find "$target/release/deps" -name 'training-*' -type f -executable -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
"$python" bench/peers/run.py "$target/release/examples/peer" "$tract" "$training" "$@"
