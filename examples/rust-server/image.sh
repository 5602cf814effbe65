#!/bin/sh
# Compiles a web server in Rust, linked statically with glibc, and puts it alone into
# a folder that is the whole user land: ./image.sh gives root/ beside it. Calls rustc.
set -eu
cd "$(dirname "$0")"
mkdir -p root/bin
rustc --edition 2021 -O -C target-feature=+crt-static -C strip=symbols \
    -C panic=abort -o root/bin/server server.rs
