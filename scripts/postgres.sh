#!/usr/bin/env bash
# A PostgreSQL server of the tests' own, on a free port and in a folder that is removed afterwards. It lives as long as the
# process PID (the caller, unless said), whatever that one dies of. `ANDON_TEST_POSTGRES=URL`, an empty database, is given to
# nextest, or printed. Where that variable is set already nothing is started.
#
# usage: scripts/postgres.sh [PID]         in $(...), whose shell is soon gone, with $$
#        scripts/postgres.sh stop [PID]    ends at once what was started for PID
set -euo pipefail
. "$(dirname "$0")/tools.sh"
cd / # The server's user may not enter every folder, and its programs want to know where they are.

# Prints where the server's programs are. pg_config may belong to a version of which only the client is here.
programs() {
  local at
  for at in "$(pg_config --bindir 2>/dev/null)" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(dirname "$(command -v initdb)")"; do
    [ -x "$at/initdb" ] && [ -x "$at/postgres" ] && [ -x "$at/pg_ctl" ] && printf '%s\n' "$at" && return
  done
  return 1
}

# Runs a program of the server, which refuses to be root.
unprivileged() {
  if [ "$(id -u)" != 0 ]; then "$@"; else setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"; fi
}

# Others' processes can be seen, but not signalled. One that has ended, but was not waited for (a zombie), is gone.
alive() { { [ -e "/proc/$1" ] || kill -0 "$1" 2>/dev/null; } && ! grep -qs '^State:.Z' "/proc/$1/status"; }

remove() {
  unprivileged "$bin/pg_ctl" stop --silent --mode=immediate --pgdata="$1/data" >/dev/null 2>&1 || true
  rm -rf "$1"
}

if [ -n "${NEXTEST_ENV:-}" ]; then exec >>"$NEXTEST_ENV"; fi
if [ "${1:-}" != stop ] && [ -n "${ANDON_TEST_POSTGRES:-}" ]; then printf 'ANDON_TEST_POSTGRES=%s\n' "$ANDON_TEST_POSTGRES" && exit; fi

bin=$(programs) || { system_install postgresql >&2 && bin=$(programs); } ||
  need "PostgreSQL is missing: install Debian's postgresql, or name an empty database with ANDON_TEST_POSTGRES"
user=postgres
id "$user" >/dev/null 2>&1 || user=nobody
folders=${TMPDIR:-/tmp}/andon-postgres
if [ "${1:-}" = stop ]; then
  for folder in "$folders.${2:-$PPID}".*; do [ ! -d "$folder" ] || remove "$folder"; done
  exit
fi

follow=${1:-$PPID}
alive "$follow" || need "there is no process $follow for PostgreSQL to follow"
folder=$(mktemp -d "$folders.$follow.XXXXXX")
trap '{ printf "PostgreSQL did not start:\n"; cat "$folder/log" || true; remove "$folder"; } >&2' EXIT
trap 'exit 1' INT TERM HUP
# The watcher keeps none of the caller's pipes open, and with a process group of its own (-m) no Ctrl-C ends it.
set -m
{ while alive "$follow" && [ -d "$folder" ]; do sleep 0.5; done; remove "$folder"; } </dev/null >/dev/null 2>&1 &
set +m

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$folder/password"
: >"$folder/log"
if [ "$(id -u)" = 0 ]; then chown -R "$user:" "$folder"; fi
unprivileged "$bin/initdb" --pgdata="$folder/data" --username=andon --pwfile="$folder/password" --auth=scram-sha-256 \
  --encoding=UTF8 --locale=C --no-sync >>"$folder/log" 2>&1
# Nobody minds what a crash of the machine would lose here. What a commit waits for is as in a plant.
cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 16MB
fsync = off
full_page_writes = off
END
# By the server's program alone: a client may not be installed.
unprivileged "$bin/postgres" --single -c exit_on_error=on -D "$folder/data" postgres <<<'CREATE DATABASE andon' >>"$folder/log" 2>&1

# Only a server that has the port knows that it was free. These are below those that the system gives to clients.
for _ in $(seq 20); do
  port=$((10000 + RANDOM % 20000))
  if unprivileged "$bin/pg_ctl" start --silent --pgdata="$folder/data" --log="$folder/log" --options="-p $port" >>"$folder/log" 2>&1; then
    trap - EXIT
    printf 'ANDON_TEST_POSTGRES=postgres://andon:%s@127.0.0.1:%s/andon\n' "$password" "$port"
    exit
  fi
done
exit 1
