#!/usr/bin/env bash
# What a history costs in our store and in SQLite rows, DuckDB, Parquet, VictoriaMetrics, InfluxDB and PostgreSQL, on the same
# samples: Markdown, as in docs/histories.md; every measurement and the plot go to OUT. DATA is a folder with skab, smd and tep. Takes
# more than an hour and some 12 GB of disk; ARGS="--quick" sees in a few minutes that all of it works, ARGS="--only reads" is a part. VictoriaMetrics
# and InfluxDB are Debian's, unpacked into target/histories; PostgreSQL is the system's. A peer that is not here is left out.
set -euo pipefail
. "$(dirname "$0")/tools.sh"

data=${DATA:-../shared/data}
for set in skab smd tep; do
  [ -d "$data/$set" ] || need "there is no $data/$set: set DATA to a folder of recordings"
done
out=${OUT:-target/histories}
peers=$PWD/target/histories/peers

# The two are one program each and need no other package. Unpacked, not installed: no service of theirs is started.
if command -v apt-get dpkg-deb >/dev/null && [ ! -d "$peers" ]; then
  packages=$(mktemp -d)
  (cd "$packages" && apt-get download -q victoria-metrics influxdb >&2) || echo "VictoriaMetrics and InfluxDB can't be had: try apt-get update" >&2
  for package in "$packages"/*.deb; do
    [ ! -e "$package" ] || { mkdir -p "$peers" && dpkg-deb -x "$package" "$peers"; }
  done
  rm -r "$packages"
fi

python=$(python_with bench/histories/requirements.txt "${ANDON_HISTORIES_VENV:-.venv-histories}")
cargo build --release --package andon-store --example histories
cargo build --release --package andon-simulator --example record
examples=$(target_dir)/release/examples
HISTORIES_PEERS=$peers "$python" bench/histories/run.py "$examples/histories" "$examples/record" "$data" "$out" "$@"
