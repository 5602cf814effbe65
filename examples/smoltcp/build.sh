#!/bin/sh
# Makes ./userstack, a static x86_64 program: ./build.sh. Calls cargo and musl-gcc
# (Debian package musl-tools).
set -eu
cd "$(dirname "$0")"

cargo build --release --locked
musl-gcc -Os -Wall -static -s -fno-pie -no-pie -fno-asynchronous-unwind-tables \
    -Wl,--gc-sections,-z,noseparate-code,-z,norelro,--build-id=none \
    -o userstack main.c target/release/libuserstack.a
