#!/bin/sh
# Unpacks the kernels of Debian's linux-source packages into a folder, for the
# tests of the Kconfig engine. A tree that is there is left alone.
set -eu

trees=$1
mkdir -p "$trees"
for version in 6.12 6.1; do
    tree=$trees/linux-$version
    [ ! -d "$tree" ] || continue
    echo "unpacking linux-source-$version"
    rm -rf "$tree.part"
    mkdir "$tree.part"
    tar -xf "/usr/src/linux-source-$version.tar.xz" -C "$tree.part" --strip-components=1
    mv "$tree.part" "$tree"
done
