//! Which package has a program, by distribution, and the command that installs
//! packages.

use schemars::JsonSchema;
use serde::Serialize;

/// A family of distributions with one package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Debian, Ubuntu and theirs.
    Debian,
    /// Fedora and what is made of it.
    Fedora,
    /// Arch Linux and what is made of it.
    Arch,
    /// Alpine Linux.
    Alpine,
    /// Another one.
    Unknown,
}

/// The packages of one thing: Debian's, Fedora's, Arch's, Alpine's; empty where
/// there is none.
struct Row(&'static str, [&'static str; 4]);

/// Everything that tuxling may miss. `lib:` and `file:` stand before what is no
/// program.
const TABLE: &[Row] = &[
    Row("gcc", ["gcc", "gcc", "gcc", "gcc"]),
    Row("ld", ["binutils", "binutils", "binutils", "binutils"]),
    Row("ar", ["binutils", "binutils", "binutils", "binutils"]),
    Row("ranlib", ["binutils", "binutils", "binutils", "binutils"]),
    Row("strip", ["binutils", "binutils", "binutils", "binutils"]),
    Row("make", ["make", "make", "make", "make"]),
    Row("flex", ["flex", "flex", "flex", "flex"]),
    Row("bison", ["bison", "bison", "bison", "bison"]),
    Row("bc", ["bc", "bc", "bc", "bc"]),
    Row("perl", ["perl", "perl-interpreter", "perl", "perl"]),
    Row("patch", ["patch", "patch", "patch", "patch"]),
    Row("depmod", ["kmod", "kmod", "kmod", "kmod"]),
    Row("dtc", ["device-tree-compiler", "dtc", "dtc", "dtc"]),
    Row(
        "sqfstar",
        [
            "squashfs-tools",
            "squashfs-tools",
            "squashfs-tools",
            "squashfs-tools",
        ],
    ),
    Row(
        "mkfs.erofs",
        ["erofs-utils", "erofs-utils", "erofs-utils", "erofs-utils"],
    ),
    Row(
        "mkfs.cramfs",
        [
            "util-linux-extra",
            "util-linux",
            "util-linux",
            "util-linux-misc",
        ],
    ),
    Row(
        "mke2fs",
        ["e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs"],
    ),
    Row(
        "debugfs",
        ["e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs-extra"],
    ),
    Row(
        "e2fsck",
        ["e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs"],
    ),
    Row("fakeroot", ["fakeroot", "fakeroot", "fakeroot", "fakeroot"]),
    Row("tar", ["tar", "tar", "tar", "tar"]),
    Row("git", ["git", "git", "git", "git"]),
    Row("xz", ["xz-utils", "xz", "xz", "xz"]),
    Row("gzip", ["gzip", "gzip", "gzip", "gzip"]),
    Row("lzma", ["xz-utils", "xz-lzma-compat", "xz", "xz"]),
    Row("zstd", ["zstd", "zstd", "zstd", "zstd"]),
    Row("lz4", ["lz4", "lz4", "lz4", "lz4"]),
    Row("awk", ["gawk", "gawk", "gawk", "gawk"]),
    Row("find", ["findutils", "findutils", "findutils", "findutils"]),
    Row("ccache", ["ccache", "ccache", "ccache", "ccache"]),
    Row("clang", ["clang", "clang", "clang", "clang"]),
    Row("ld.lld", ["lld", "lld", "lld", "lld"]),
    Row("llvm-ar", ["llvm", "llvm", "llvm", "llvm"]),
    Row("apt-get", ["apt", "", "", ""]),
    Row("mformat", ["mtools", "mtools", "mtools", "mtools"]),
    Row("mcopy", ["mtools", "mtools", "mtools", "mtools"]),
    Row("mmd", ["mtools", "mtools", "mtools", "mtools"]),
    Row("xorriso", ["xorriso", "xorriso", "libisoburn", "xorriso"]),
    Row("syslinux", ["syslinux", "syslinux", "syslinux", "syslinux"]),
    Row(
        "grub-mkimage",
        ["grub-common", "grub2-tools", "grub", "grub"],
    ),
    Row(
        "mkimage",
        ["u-boot-tools", "uboot-tools", "uboot-tools", "u-boot-tools"],
    ),
    Row("fdtput", ["device-tree-compiler", "dtc", "dtc", "dtc"]),
    Row(
        "file:isolinux.bin",
        ["isolinux", "syslinux", "syslinux", "syslinux"],
    ),
    Row(
        "file:ldlinux.c32",
        ["syslinux-common", "syslinux", "syslinux", "syslinux"],
    ),
    Row(
        "file:mbr.bin",
        ["syslinux", "syslinux", "syslinux", "syslinux"],
    ),
    Row(
        "file:linux.mod",
        [
            "grub-efi-amd64-bin",
            "grub2-efi-x64-modules",
            "grub",
            "grub-efi",
        ],
    ),
    Row("file:OVMF", ["ovmf", "edk2-ovmf", "edk2-ovmf", "ovmf"]),
    Row(
        "file:U-Boot",
        ["u-boot-qemu", "uboot-images-armv8", "", "u-boot-qemu"],
    ),
    Row("lib:c", ["libc6-dev", "glibc-devel", "glibc", "musl-dev"]),
    Row(
        "lib:elf",
        [
            "libelf-dev",
            "elfutils-libelf-devel",
            "libelf",
            "elfutils-dev",
        ],
    ),
    Row(
        "lib:gcc32",
        ["lib32gcc-N-dev", "libgcc.i686", "lib32-gcc-libs", ""],
    ),
    Row(
        "lib:linux",
        [
            "linux-libc-dev",
            "kernel-headers",
            "linux-api-headers",
            "linux-headers",
        ],
    ),
    Row(
        "qemu-system-i386",
        [
            "qemu-system-x86",
            "qemu-system-x86-core",
            "qemu-system-x86",
            "qemu-system-i386",
        ],
    ),
    Row(
        "qemu-system-x86_64",
        [
            "qemu-system-x86",
            "qemu-system-x86-core",
            "qemu-system-x86",
            "qemu-system-x86_64",
        ],
    ),
    Row(
        "qemu-system-arm",
        [
            "qemu-system-arm",
            "qemu-system-arm-core",
            "qemu-system-arm",
            "qemu-system-arm",
        ],
    ),
    Row(
        "qemu-system-aarch64",
        [
            "qemu-system-arm",
            "qemu-system-aarch64-core",
            "qemu-system-aarch64",
            "qemu-system-aarch64",
        ],
    ),
    Row(
        "aarch64-linux-gnu-gcc",
        [
            "gcc-aarch64-linux-gnu",
            "gcc-aarch64-linux-gnu",
            "aarch64-linux-gnu-gcc",
            "",
        ],
    ),
    Row("i686-linux-gnu-gcc", ["gcc-i686-linux-gnu", "", "", ""]),
    Row(
        "x86_64-linux-gnu-gcc",
        ["gcc-x86-64-linux-gnu", "gcc-x86_64-linux-gnu", "", ""],
    ),
    Row(
        "arm-linux-gnueabi-gcc",
        ["gcc-arm-linux-gnueabi", "gcc-arm-linux-gnu", "", ""],
    ),
    Row(
        "arm-linux-gnu-gcc",
        ["gcc-arm-linux-gnueabi", "gcc-arm-linux-gnu", "", ""],
    ),
    Row(
        "arm-none-eabi-gcc",
        [
            "gcc-arm-none-eabi",
            "arm-none-eabi-gcc-cs",
            "arm-none-eabi-gcc",
            "gcc-arm-none-eabi",
        ],
    ),
    Row(
        "aarch64-linux-gnu-gcc",
        [
            "gcc-aarch64-linux-gnu",
            "gcc-aarch64-linux-gnu",
            "aarch64-linux-gnu-gcc",
            "",
        ],
    ),
    Row(
        "riscv64-linux-gnu-gcc",
        [
            "gcc-riscv64-linux-gnu",
            "gcc-riscv64-linux-gnu",
            "riscv64-linux-gnu-gcc",
            "",
        ],
    ),
];

impl Distribution {
    /// This machine's, by os-release(5).
    pub fn of_this_machine() -> Distribution {
        let read = |path| std::fs::read_to_string(path).ok();
        let text = read("/etc/os-release").or_else(|| read("/usr/lib/os-release"));
        Distribution::of_os_release(&text.unwrap_or_default())
    }

    /// By the text of an os-release file: `ID`, then the words of `ID_LIKE`.
    pub fn of_os_release(text: &str) -> Distribution {
        let value = |key: &str| {
            let line = text
                .lines()
                .find_map(|l| l.trim().strip_prefix(key)?.strip_prefix('='));
            line.map(|v| v.trim().trim_matches(['"', '\'']).to_lowercase())
        };
        let (id, like) = (value("ID"), value("ID_LIKE"));
        let ids = id.iter().map(String::as_str);
        let likes = like.iter().flat_map(|like| like.split_whitespace());
        let known = |id: &str| match id {
            "debian" | "ubuntu" => Some(Distribution::Debian),
            "fedora" | "rhel" | "centos" => Some(Distribution::Fedora),
            "arch" | "archarm" | "manjaro" => Some(Distribution::Arch),
            "alpine" => Some(Distribution::Alpine),
            _ => None,
        };
        ids.chain(likes)
            .find_map(known)
            .unwrap_or(Distribution::Unknown)
    }

    /// What installs packages.
    fn command(self) -> Option<&'static str> {
        match self {
            Distribution::Debian => Some("apt-get install"),
            Distribution::Fedora => Some("dnf install"),
            Distribution::Arch => Some("pacman -S --needed"),
            Distribution::Alpine => Some("apk add"),
            Distribution::Unknown => None,
        }
    }

    /// The package that has a program or a library; `None` where the
    /// distribution has none, or isn't known. A program with a version behind
    /// its name (`gcc-11`, `ld.lld-16`) is one of Debian's.
    pub fn package(self, of: &str) -> Option<String> {
        if let Some(package) = self.plain_package(of) {
            return Some(package.to_owned());
        }
        let (program, version) = of.rsplit_once('-')?;
        let versioned = self == Distribution::Debian
            && !version.is_empty()
            && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let package = versioned.then(|| self.plain_package(program)).flatten()?;
        Some(match package.strip_prefix("gcc-") {
            Some(target) => format!("gcc-{version}-{target}"),
            None => format!("{package}-{version}"),
        })
    }

    fn plain_package(self, of: &str) -> Option<&'static str> {
        let row = TABLE.iter().find(|row| row.0 == of)?;
        let column = match self {
            Distribution::Debian => 0,
            Distribution::Fedora => 1,
            Distribution::Arch => 2,
            Distribution::Alpine => 3,
            Distribution::Unknown => return None,
        };
        Some(row.1[column]).filter(|package| !package.is_empty())
    }

    /// The one command that installs all of these; `None` where none of them
    /// has a package here.
    pub fn install_command(self, of: &[&str]) -> Option<String> {
        let command = self.command()?;
        let mut packages: Vec<String> = of.iter().filter_map(|one| self.package(one)).collect();
        packages.sort_unstable();
        packages.dedup();
        (!packages.is_empty()).then(|| format!("{command} {}", packages.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_by_their_os_release() {
        use Distribution::*;
        for (text, expected) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
                Debian,
            ),
            ("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", Debian),
            (
                "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Debian,
            ),
            (
                "NAME=\"Fedora Linux\"\nID=fedora\nVARIANT_ID=workstation\n",
                Fedora,
            ),
            (
                "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                Fedora,
            ),
            ("NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n", Arch),
            (
                "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.0\n",
                Alpine,
            ),
            ("NAME=NixOS\nID=nixos\n", Unknown),
            ("", Unknown),
            ("ID\nID_LIKE", Unknown),
        ] {
            assert_eq!(Distribution::of_os_release(text), expected, "{text}");
        }
    }

    #[test]
    fn one_command_installs_all_that_is_missing() {
        let missing = ["ld", "flex", "ar", "lib:elf", "i686-linux-gnu-gcc"];
        for (distribution, expected) in [
            (
                Distribution::Debian,
                Some("apt-get install binutils flex gcc-i686-linux-gnu libelf-dev"),
            ),
            (
                Distribution::Fedora,
                Some("dnf install binutils elfutils-libelf-devel flex"),
            ),
            (
                Distribution::Arch,
                Some("pacman -S --needed binutils flex libelf"),
            ),
            (
                Distribution::Alpine,
                Some("apk add binutils elfutils-dev flex"),
            ),
            (Distribution::Unknown, None),
        ] {
            assert_eq!(distribution.install_command(&missing).as_deref(), expected);
        }
        assert_eq!(Distribution::Alpine.install_command(&["lib:gcc32"]), None);
        let versions = ["gcc-11", "ld.lld-16", "arm-linux-gnueabi-gcc-11", "x-11"];
        assert_eq!(
            Distribution::Debian.install_command(&versions).as_deref(),
            Some("apt-get install gcc-11 gcc-11-arm-linux-gnueabi lld-16")
        );
        assert_eq!(Distribution::Fedora.package("gcc-11"), None);
        assert_eq!(Distribution::Debian.install_command(&[]), None);
    }
}
