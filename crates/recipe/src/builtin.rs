//! The recipes that come with tuxling, and the files they name.

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../recipes/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = embedded![
    "armv7m-01-options.patch",
    "armv7m-02-free-reserve.patch",
    "armv7m-03-stacks.patch",
    "armv7m-04-workqueues.patch",
    "armv7m-05-threads.patch",
    "armv7m-06-percpu.patch",
    "armv7m-07-hash-tables.patch",
    "armv7m-08-tty-buffers.patch",
    "armv7m-09-slab-merge.patch",
    "armv7m-10-boot-constants.patch",
    "armv7m-base.config",
    "armv7m-hello.c",
    "armv7m-shell.c",
    "half-stacks.patch",
    "linux-cm.patch",
    "microvm-base.config",
    "microvm-net.config",
    "microvm-smp.toml",
    "microvm.toml",
    "mps2-shell.toml",
    "mps2.toml",
    "pc-base.config",
    "pc-defconfig.toml",
    "pc-net.config",
    "pc-net.tiny.cert.json",
    "pc-net.tiny.config",
    "pc-net.tiny.shrink.json",
    "pc-net.tiny.toml",
    "pc-net.toml",
    "pc-no-console.toml",
    "pc-shell.toml",
    "pc64-base.config",
    "pc64-net.config",
    "pc64.toml",
    "versatilepb-base.config",
    "versatilepb-net.config",
    "versatilepb.toml",
    "virt-aarch64-base.config",
    "virt-aarch64-net.config",
    "virt-aarch64.toml",
    "virt-armv7-base.config",
    "virt-armv7-net.config",
    "virt-armv7.toml",
];

/// The text of a built-in file.
pub fn file(name: &str) -> Option<&'static str> {
    let found = FILES.iter().find(|(file, _)| *file == name);
    found.map(|(_, text)| *text)
}

/// The names of all built-in files.
pub fn file_names() -> Vec<&'static str> {
    FILES.iter().map(|(name, _)| *name).collect()
}

/// The names of the built-in recipes.
pub fn names() -> Vec<&'static str> {
    let names = FILES
        .iter()
        .filter_map(|(name, _)| name.strip_suffix(".toml"));
    names.collect()
}

/// The text of a built-in recipe.
pub fn recipe(name: &str) -> Option<&'static str> {
    file(&format!("{name}.toml"))
}
