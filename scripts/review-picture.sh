#!/bin/sh
# Renders a comment of packaging/size-review.sh as a forge shows it, for the
# documents: scripts/review-picture.sh comment.md docs/images/review.png [HEIGHT]
# Calls pandoc, chromium and pngquant (Debian packages of these names).
set -eu

comment=$1 picture=$2 height=${3:-1000}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

{
    cat <<'END'
<!doctype html><meta charset="utf-8"><style>
body { margin: 16px; width: 728px; font: 14px/1.5 "Noto Sans", "DejaVu Sans", sans-serif; color: #1f2328; background: #fff }
article { border: 1px solid #d1d9e0; border-radius: 6px }
header { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; padding: 8px 16px; color: #59636e }
header b { color: #1f2328 }
section { padding: 0 16px 12px }
h3 { font-size: 17px; margin: 16px 0 8px }
table { border-collapse: collapse; margin: 0 0 12px }
th, td { border: 1px solid #d1d9e0; padding: 3px 11px; font-variant-numeric: tabular-nums }
tr:nth-child(2n) td { background: #f6f8fa }
code, pre { font: 12px/1.45 "DejaVu Sans Mono", monospace; background: #eff1f3; border-radius: 6px }
code { padding: 2px 5px }
pre { padding: 12px; white-space: pre-wrap }
pre code { padding: 0; background: none }
</style><article><header><b>github-actions</b> commented</header><section>
END
    pandoc -f gfm -t html "$comment"
    echo '</section></article>'
} >"$made/page.html"

chromium --headless --no-sandbox --disable-gpu --hide-scrollbars \
    --window-size="760,$height" --screenshot="$made/page.png" "file://$made/page.html" >/dev/null 2>&1
pngquant --force --quality 60-95 --output "$picture" "$made/page.png"
ls -l "$picture"
