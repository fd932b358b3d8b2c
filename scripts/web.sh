#!/usr/bin/env bash
# Builds the dashboard into web/dist, from where it is embedded in the binary.
set -euo pipefail
. "$(dirname "$0")/tools.sh"
dashboard
