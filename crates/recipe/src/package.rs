//! The packages whose sources are built, and where their upstreams publish
//! archives.

/// A package whose sources tuxling builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// The kernel.
    Linux,
    /// The user land.
    BusyBox,
    /// The C library.
    Musl,
    /// The configurations of the distribution's own kernels.
    LinuxConfig {
        /// For which architecture, as the distribution calls it: `amd64`.
        architecture: &'static str,
    },
}

impl Package {
    /// Its name in lock files and records.
    pub fn name(self) -> &'static str {
        match self {
            Package::Linux => "linux",
            Package::BusyBox => "busybox",
            Package::Musl => "musl",
            Package::LinuxConfig { .. } => "linux-config",
        }
    }
}

/// The address of a version's archive. The distribution's configurations have
/// none; that of their kernel stands for it.
pub fn url(package: Package, version: &str) -> String {
    match package {
        Package::Linux | Package::LinuxConfig { .. } => {
            let major = version.split('.').next().unwrap_or(version);
            format!("https://cdn.kernel.org/pub/linux/kernel/v{major}.x/linux-{version}.tar.xz")
        }
        Package::BusyBox => format!("https://busybox.net/downloads/busybox-{version}.tar.bz2"),
        Package::Musl => format!("https://musl.libc.org/releases/musl-{version}.tar.gz"),
    }
}

/// A version that is whole, for messages.
pub fn example(package: Package) -> &'static str {
    match package {
        Package::Linux | Package::LinuxConfig { .. } => "6.12.58",
        Package::BusyBox => "1.36.1",
        Package::Musl => "1.2.5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_where_upstreams_publish_them() {
        for (package, version, expected) in [
            (
                Package::Linux,
                "6.12.58",
                "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.12.58.tar.xz",
            ),
            (
                Package::Linux,
                "4.4",
                "https://cdn.kernel.org/pub/linux/kernel/v4.x/linux-4.4.tar.xz",
            ),
            (
                Package::BusyBox,
                "1.36.1",
                "https://busybox.net/downloads/busybox-1.36.1.tar.bz2",
            ),
            (
                Package::Musl,
                "1.2.5",
                "https://musl.libc.org/releases/musl-1.2.5.tar.gz",
            ),
        ] {
            assert_eq!(url(package, version), expected);
        }
    }
}
