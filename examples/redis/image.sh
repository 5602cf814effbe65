#!/bin/sh
# Makes a container image of Debian's redis-server, without root and without a
# container engine: ./image.sh gives the OCI layout image:redis beside it.
# Calls umoci and ldd; redis-server must be installed (Debian packages umoci and
# redis-server).
set -eu
cd "$(dirname "$0")"

umoci init --layout image
umoci new --image image:redis
umoci unpack --rootless --image image:redis bundle
root=bundle/rootfs
mkdir -p "$root/usr/bin" "$root/etc" "$root/data"
for program in /usr/bin/redis-server $(ldd /usr/bin/redis-server | grep -o '/[^ ]*'); do
    cp -L --parents "$program" "$root/"
done
printf 'root:x:0:0::/:/bin/sh\nredis:x:101:102::/data:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nredis:x:102:\n' >"$root/etc/group"
umoci repack --image image:redis bundle
umoci config --image image:redis --config.user redis --config.workingdir /data \
    --config.entrypoint /usr/bin/redis-server \
    --config.cmd=--protected-mode --config.cmd=no --config.cmd=--save --config.cmd=''
rm -rf bundle
