#!/usr/bin/env bash
# Writes .sqlx anew: the checked queries' types, read from a throw-away server with the tables of migrations/postgres.
# `prepare.sh --check` changes nothing and fails if .sqlx is out of step with the queries or the migrations.
# Run it after changing a query or a migration, and commit .sqlx.
set -euo pipefail
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/sqlx"
eval "$(../../scripts/postgres.sh $$)"
psql --quiet --set ON_ERROR_STOP=1 --dbname "$ANDON_TEST_POSTGRES" $(printf " --file %s" ../../migrations/postgres/*.sql)
touch src/lib.rs
ANDON_PREPARE_URL=$ANDON_TEST_POSTGRES ANDON_PREPARE_DIR=$scratch/sqlx cargo check --quiet -p andon-postgres --all-targets
if [ "${1:-}" = --check ]; then
  diff -r .sqlx "$scratch/sqlx" || { echo "crates/postgres/.sqlx is stale: run crates/postgres/prepare.sh" >&2; exit 1; }
else
  rm -rf .sqlx
  cp -r "$scratch/sqlx" .sqlx
  echo "wrote $(find .sqlx -type f | wc -l) queries to crates/postgres/.sqlx"
fi
