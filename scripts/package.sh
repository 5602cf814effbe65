#!/bin/sh
# Makes the Debian package, target/debian/tuxling_VERSION_ARCH.deb, for the
# release of Debian that this runs on: cargo-deb packs what the program itself
# says (manual pages, completions) and what crates/tuxling/Cargo.toml lists.
set -eu
cd "$(dirname "$0")/.."

cargo_deb=3.8.0
tools=target/tools
made=build/package

if [ ! -x "$tools/bin/cargo-deb" ]; then
    if [ "${TUXLING_NO_INSTALL:-0}" != 0 ]; then
        echo "cargo-deb is missing and TUXLING_NO_INSTALL is set. Install it by"
        echo "    cargo install --locked --root $tools cargo-deb --version $cargo_deb"
        exit 1
    fi
    echo "cargo-deb is missing and will be put into $tools"
    cargo install --quiet --locked --root "$tools" cargo-deb --version "$cargo_deb"
fi

cargo build --release --locked --package tuxling
tuxling=target/release/tuxling

rm -rf "$made"
mkdir -p "$made/completions"
"$tuxling" man "$made/man"
"$tuxling" completions bash >"$made/completions/tuxling.bash"
"$tuxling" completions zsh >"$made/completions/_tuxling"
"$tuxling" completions fish >"$made/completions/tuxling.fish"
cargo xtask notices "$made/notices"
gzip -9n "$made/notices"
gzip -9n <CHANGELOG.md >"$made/changelog.gz"

# The newest release of CHANGELOG.md, as Debian wants it: "## [0.1.0] - 2026-11-29".
newest=$(sed -n 's/^## \[\([0-9.]*\)\] - \([0-9-]*\)$/\1 \2/p' CHANGELOG.md | head -n 1)
version=${newest% *}
date=$(LC_ALL=C date -u -d "${newest#* }" -R)
[ "tuxling $version" = "$("$tuxling" --version)" ] || {
    echo "package.sh: CHANGELOG.md begins with $version, and this is $("$tuxling" --version)" >&2
    exit 1
}
cat >"$made/changelog.Debian" <<END
tuxling ($version-1) unstable; urgency=medium

  * What changed stands in /usr/share/doc/tuxling/changelog.gz.

 -- The Tuxling maintainers <tuxling@users.noreply.github.com>  $date
END

# The same commit gives the same bytes.
SOURCE_DATE_EPOCH=$(date -u -d "$date" +%s)
export SOURCE_DATE_EPOCH
PATH="$PWD/$tools/bin:$PATH" cargo deb --no-build --locked --package tuxling
