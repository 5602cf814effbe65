#!/bin/sh
# Runs a command that can be silent for long, and says every few seconds that it still runs: scripts/ticking.sh WORDS COMMAND…
set -eu

what=$1
shift
started=$(date +%s)
(
    while sleep 4; do
        # What the command prints next is written over it.
        printf '  %s, %d s\r' "$what" "$(($(date +%s) - started))" >&2
    done
) &
ticker=$!
trap 'kill "$ticker" 2>/dev/null || true' EXIT
"$@"
