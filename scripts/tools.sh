# Where things are, for the other scripts: source this first. It finds or installs a tool when it is asked for.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

# A line that stands out between the tools' own output.
step() { printf '\n== %s\n' "$*"; }

# Ends with a message and what to do about it.
need() { printf 'make: %s\n' "$*" >&2; exit 1; }

# Packages of the system, where we may install them.
system_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null
}

# npm packages as the lock file has them.
npm_packages() {
  command -v npm >/dev/null || need "npm is missing: install Node 20 or later (https://nodejs.org)"
  local have=web/node_modules/.package-lock.json
  [ -e "$have" ] && [ ! web/package-lock.json -nt "$have" ] || npm --prefix web ci
}

# The dashboard in web/dist, built again where a source is newer.
dashboard() {
  npm_packages
  if [ ! -e web/dist/index.html ] || [ -n "$(find web/src web/public web/index.html web/package-lock.json -newer web/dist/index.html -print -quit)" ]; then
    npm --prefix web run build
  fi
}

# python_with REQUIREMENTS VENV: prints a Python that has what the file REQUIREMENTS names, in a virtual environment of ours.
python_with() {
  local requirements=$1 venv=$2
  command -v python3 >/dev/null || need "python3 is missing: install Python 3.10 or later with venv"
  if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" >&2 || { system_install python3-venv >&2 && python3 -m venv "$venv" >&2; } ||
      need "a virtual environment can't be made: install python3-venv"
  fi
  if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2 ||
      need "the packages of $requirements can't be installed into $venv"
    cp "$requirements" "$venv/requirements.txt"
  fi
  (cd "$(dirname "$venv/bin/python")" && printf '%s/python\n' "$PWD")
}

# A Python for tests/peers.
peer_python() {
  local venv=.venv
  [ -z "${CI:-}" ] || venv=$HOME/.cache/andon/venv
  python_with tests/peers/requirements.txt "${ANDON_VENV:-$venv}"
}

# A Python for bench/peers.
bench_python() { python_with bench/peers/requirements.txt "${ANDON_BENCH_VENV:-.venv-bench}"; }

# Prints a Chromium: the system's, or one that is installed now.
chromium_path() {
  local name found
  for name in "${ANDON_CHROMIUM:-}" chromium chromium-browser google-chrome; do
    [ -n "$name" ] && found=$(command -v "$name") && { printf '%s\n' "$found"; return; }
  done
  system_install chromium >&2 && command -v chromium && return
  node web/node_modules/playwright-core/cli.js install chromium >&2 || return 1
  node -e 'console.log(require("./web/node_modules/playwright-core").chromium.executablePath())'
}

# A port nobody listens on just now.
free_port() {
  node -e 'const s = require("net").createServer(); s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# The folder that cargo builds into.
target_dir() {
  cargo metadata --format-version 1 --no-deps | node -e 'let s = ""; process.stdin.on("data", d => s += d).on("end", () => console.log(JSON.parse(s).target_directory))'
}
