#!/usr/bin/env bash
# How well the models detect on labelled recordings: a table, as in docs/model.md. DATA is a folder with evaluate.py and
# SET/SERIES/{train,test}.csv.gz; scores go to OUT and are not made again. The whole takes hours; ARGS="--only var multiscale" is
# a part of it.
set -euo pipefail
. "$(dirname "$0")/tools.sh"

data=${DATA:-../shared/data}
[ -e "$data/evaluate.py" ] || need "there is no $data/evaluate.py: set DATA to a folder of labelled recordings"
python=$(python_with bench/detection/requirements.txt "${ANDON_DETECTION_VENV:-.venv-detection}")
cargo build --workspace --examples
"$python" bench/detection/run.py "$(target_dir)/debug/examples/detection" "$data" "${OUT:-target/detection}" "$@"
