#!/bin/sh
# Makes a container image of Debian's nginx with a file of 1 MiB to serve, without
# root and without a container engine: ./image.sh gives the OCI layout image:nginx
# beside it. The packages come by apt and are unpacked, not installed. Calls umoci
# (Debian package umoci).
set -eu
cd "$(dirname "$0")"
mkdir -p packages
(cd packages && apt-get download nginx libc6 libcrypt1 libpcre2-8-0 libssl3 zlib1g)
for package in packages/*.deb; do
    dpkg-deb -x "$package" unpacked
done

umoci init --layout image
umoci new --image image:nginx
umoci unpack --rootless --image image:nginx bundle
root=bundle/rootfs
mkdir -p "$root/usr/sbin" "$root/lib64" "$root/etc/nginx" "$root/srv" "$root/var/log/nginx" "$root/var/lib/nginx"
cp unpacked/usr/sbin/nginx "$root/usr/sbin/"
cp -L unpacked/lib64/ld-linux-x86-64.so.2 "$root/lib64/"
paths=unpacked/lib/x86_64-linux-gnu:unpacked/usr/lib/x86_64-linux-gnu
unpacked/lib64/ld-linux-x86-64.so.2 --library-path "$paths" --list unpacked/usr/sbin/nginx |
    grep -o 'unpacked/[^ ]*/lib[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$root/lib/x86_64-linux-gnu"
    cp -L "$library" "$root/lib/x86_64-linux-gnu/"
done
printf 'root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/srv:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nwww-data:x:33:\n' >"$root/etc/group"
cp nginx.conf "$root/etc/nginx/"
seq 1 200000 | head -c 1048576 >"$root/srv/numbers"
echo served >"$root/srv/index.html"
umoci repack --image image:nginx bundle
umoci config --image image:nginx --config.entrypoint /usr/sbin/nginx \
    --config.cmd=-g --config.cmd='daemon off;'
rm -rf bundle unpacked packages
