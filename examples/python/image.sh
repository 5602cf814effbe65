#!/bin/sh
# Makes a container image of Debian's Python with a script that serves HTTP, without
# root and without a container engine: ./image.sh gives the OCI layout image:python
# beside it. The packages come by apt and are unpacked, not installed. Calls umoci
# (Debian package umoci).
set -eu
cd "$(dirname "$0")"
mkdir -p packages
(cd packages && apt-get download python3.11-minimal libpython3.11-minimal \
    libpython3.11-stdlib libc6 libexpat1 zlib1g)
for package in packages/*.deb; do
    dpkg-deb -x "$package" unpacked
done

umoci init --layout image
umoci new --image image:python
umoci unpack --rootless --image image:python bundle
root=bundle/rootfs
mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/srv" "$root/etc"
cp unpacked/usr/bin/python3.11 "$root/usr/bin/python3"
cp -L unpacked/lib64/ld-linux-x86-64.so.2 "$root/lib64/"
for library in libc.so.6 libm.so.6 libexpat.so.1 libz.so.1; do
    find unpacked -name "$library*" | head -n 1 | while read -r found; do
        cp -L "$found" "$root/lib/x86_64-linux-gnu/$library"
    done
done
# The standard library without its modules in C that need further libraries, which
# the server doesn't ask for, and without what only people at a keyboard use.
cp -r unpacked/usr/lib/python3.11 "$root/usr/lib/"
(cd "$root/usr/lib/python3.11" &&
    rm -rf lib2to3 pydoc_data idlelib distutils ensurepip tkinter turtledemo unittest ctypes \
        sqlite3 curses dbm multiprocessing config-3.11-* sitecustomize.py)
find "$root/usr/lib/python3.11/lib-dynload" -name '_*.so' | while read -r module; do
    needs=$(readelf -d "$module" | grep NEEDED | grep -cv 'lib[cm]\.so\.6' || true)
    [ "$needs" = 0 ] || rm "$module"
done
cp server.py "$root/srv/"
printf 'root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/srv:/bin/false\n' >"$root/etc/passwd"
umoci repack --image image:python bundle
umoci config --image image:python --config.user 33:33 --config.workingdir /srv \
    --config.env PYTHONDONTWRITEBYTECODE=1 --config.env PYTHONUNBUFFERED=1 \
    --config.entrypoint /usr/bin/python3 --config.cmd=/srv/server.py
rm -rf bundle unpacked packages
