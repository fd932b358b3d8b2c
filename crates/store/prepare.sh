#!/bin/sh
# Writes .sqlx anew: the checked queries' types, read from a throw-away database with both files' tables.
# `prepare.sh --check` changes nothing and fails if .sqlx is out of step with the queries or the migrations.
# Run it after changing a query or a migration, and commit .sqlx. Needs the sqlite3 command line tool.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/sqlx"
cat ../../migrations/sqlite/main/*.sql ../../migrations/sqlite/samples/*.sql | sqlite3 -bail "$scratch/both.db"
DATABASE_URL="sqlite://$scratch/both.db" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$scratch/sqlx" \
    cargo check --quiet -p andon-store --all-targets
if [ "${1:-}" = --check ]; then
    diff -r .sqlx "$scratch/sqlx" || { echo "crates/store/.sqlx is stale: run crates/store/prepare.sh" >&2; exit 1; }
else
    rm -rf .sqlx
    cp -r "$scratch/sqlx" .sqlx
    echo "wrote $(ls .sqlx | wc -l) queries to crates/store/.sqlx"
fi
