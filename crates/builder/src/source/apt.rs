//! Debian's packages, by apt, in a state of our own below the cache folder:
//! the system's package lists are neither read nor written, and no root is
//! needed. apt verifies the signed index of each archive and, by it, what it
//! downloads; the SHA-256 of an [`Offer`] comes from that index.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use host::Id;
use host::cache::write_whole;
use host::process::{Cmd, ProcessError};
use host::session::{Step, Unit};
use host::units::Bytes;
use recipe::package::Package;

use super::stall::{Stall, StallError};
use super::{Context, DebianSources, Offer, Origin, Provenance, debsources, version};
use crate::error::{Error, Result};

/// For so long an index is new enough to look up what is on offer.
const INDEX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// What of the system's apt configuration doesn't hold: hooks, foreign
/// architectures, and indexes that no source stands in.
const CLEARED: &[&str] = &[
    "APT::Update",
    "APT::Architectures",
    "DPkg",
    "Acquire::IndexTargets::deb::DEP-11",
    "Acquire::IndexTargets::deb::DEP-11-icons",
    "Acquire::IndexTargets::deb::DEP-11-icons-small",
    "Acquire::IndexTargets::deb::DEP-11-icons-large",
    "Acquire::IndexTargets::deb::DEP-11-icons-hidpi",
    "Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi",
    "Acquire::IndexTargets::deb::CNF",
    "Acquire::IndexTargets::deb::Contents-deb",
    "Acquire::IndexTargets::deb::Contents-udeb",
    "Acquire::IndexTargets::deb-src::Contents-dsc",
];

/// apt with a state of its own.
pub(super) struct Apt<'a> {
    context: &'a Context<'a>,
    /// The folder of the state, one for each set of archives and architecture.
    state: PathBuf,
    /// The architecture whose packages are asked for, where it isn't this
    /// machine's.
    architecture: Option<&'static str>,
}

impl<'a> Apt<'a> {
    /// Prepares the state: its folders, its configuration, its source list.
    pub(super) fn new(context: &'a Context<'a>, package: Package) -> Result<Self> {
        let (apt, entries) = Apt::find(context, package)?;
        apt.prepare(&entries)?;
        Ok(apt)
    }

    /// Where the state is or would be, and the archives that it is of.
    fn find(context: &'a Context<'a>, package: Package) -> Result<(Self, String)> {
        if context.processes.find("apt-get").is_none() {
            return Err(no_debian(
                "there is no apt-get: this machine is not a Debian",
            ));
        }
        let entries = match context.debian {
            DebianSources::System => debsources::of_system(Path::new("/etc/apt")),
            DebianSources::Entries(entries) => entries.clone(),
        };
        if entries.trim().is_empty() {
            return Err(no_debian(
                "no archive of Debian's stands in /etc/apt/sources.list and /etc/apt/sources.list.d",
            ));
        }
        let name = Id::of_bytes(entries.as_bytes());
        let mut name = name.short().to_owned();
        let architecture = foreign(package);
        if let Some(architecture) = architecture {
            name.push_str(&format!("-{architecture}"));
        }
        let state = context.cache.folder("apt")?.join(name);
        let apt = Apt {
            context,
            state,
            architecture,
        };
        Ok((apt, entries))
    }

    fn prepare(&self, entries: &str) -> Result<()> {
        for folder in [
            "lists/partial",
            "cache/archives/partial",
            "log",
            "sources.d",
        ] {
            let path = self.state.join(folder);
            fs::create_dir_all(&path)
                .map_err(|e| host::Error::file("make the folder", &path, e))?;
        }
        let files = [
            ("sources.d/tuxling.sources", entries.to_owned()),
            ("status", String::new()),
            ("main.conf", self.configuration()),
            (
                "apt.conf",
                format!("Dir::Etc::main \"{}\";\n", self.at("main.conf")),
            ),
        ];
        for (name, text) in files {
            let path = self.state.join(name);
            if !fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                write_whole(&path, text.as_bytes())?;
            }
        }
        Ok(())
    }

    fn at(&self, name: &str) -> String {
        self.state.join(name).to_string_lossy().into_owned()
    }

    /// apt's configuration. It is read last (apt.conf(5): `APT_CONFIG`, then
    /// `apt.conf.d`, then `Dir::Etc::main`), so that the system's proxies and
    /// keyrings hold, but none of its hooks, pins and further indexes.
    fn configuration(&self) -> String {
        let mut text = String::new();
        if Path::new("/etc/apt/apt.conf").exists() {
            text.push_str("#include \"/etc/apt/apt.conf\";\n");
        }
        for cleared in CLEARED {
            text.push_str(&format!("#clear {cleared};\n"));
        }
        for (key, value) in [
            ("Dir::State", self.at("")),
            ("Dir::State::lists", self.at("lists")),
            ("Dir::State::status", self.at("status")),
            ("Dir::Cache", self.at("cache")),
            ("Dir::Cache::archives", self.at("cache/archives")),
            ("Dir::Cache::pkgcache", "pkgcache.bin".to_owned()),
            ("Dir::Cache::srcpkgcache", "srcpkgcache.bin".to_owned()),
            ("Dir::Log", self.at("log")),
            ("Dir::Etc::sourcelist", "/dev/null".to_owned()),
            ("Dir::Etc::sourceparts", self.at("sources.d")),
            ("Dir::Etc::preferences", "/dev/null".to_owned()),
            ("Dir::Etc::preferencesparts", "/dev/null".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            ("Acquire::AllowInsecureRepositories", "false".to_owned()),
            (
                "Acquire::AllowDowngradeToInsecureRepositories",
                "false".to_owned(),
            ),
            ("APT::Get::AllowUnauthenticated", "false".to_owned()),
            ("Acquire::Retries", "2".to_owned()),
            ("APT::Update::Error-Mode", "any".to_owned()),
        ] {
            text.push_str(&format!("{key} \"{value}\";\n"));
        }
        if let Some(foreign) = self.architecture {
            text.push_str(&format!(
                "APT::Architecture \"{foreign}\";\nAPT::Architectures {{ \"{foreign}\"; }};\n"
            ));
        }
        // Started by root, apt downloads as the user _apt, who can't enter
        // root's cache folder.
        if rustix::process::geteuid().is_root() {
            text.push_str("APT::Sandbox::User \"root\";\n");
        }
        text
    }

    fn cmd(&self, program: &str) -> Cmd {
        Cmd::new(program).env("APT_CONFIG", self.state.join("apt.conf"))
    }

    fn update_command(&self) -> Cmd {
        self.cmd("apt-get").args(["-q", "update"])
    }

    /// Says what there is of a package: `name` of a binary package for Linux.
    fn show_command(&self, package: Package, name: &str) -> Cmd {
        self.cmd("apt-cache").args(match package {
            Package::Linux | Package::LinuxConfig { .. } => ["show", "--all-versions", name],
            Package::BusyBox | Package::Musl => ["showsrc", "--only-source", name],
        })
    }

    fn search_command(&self) -> Cmd {
        let kernels = "^linux-source-[0-9.]+$";
        self.cmd("apt-cache")
            .args(["search", "--names-only", kernels])
    }

    /// Fetches `exactly` into a folder: `linux-source-6.12=6.12.1-1`.
    fn fetch_command(&self, package: Package, exactly: &str, into: &Path) -> Cmd {
        let cmd = self.cmd("apt-get").dir(into).arg("-q");
        match package {
            Package::Linux | Package::LinuxConfig { .. } => cmd.args(["download", exactly]),
            Package::BusyBox | Package::Musl => cmd.args([
                "source",
                "--download-only",
                "--tar-only",
                "--only-source",
                exactly,
            ]),
        }
    }

    /// The file that says when the index was renewed.
    fn stamp(&self) -> PathBuf {
        self.state.join("updated")
    }

    /// Renews the index when it is older than [`INDEX_LIFE`], or at once.
    fn update(&self, renew: bool) -> Result<()> {
        let stamp = self.stamp();
        let age = age_of(&stamp);
        if !renew && age.is_some_and(|age| age < INDEX_LIFE) {
            return Ok(());
        }
        (self.context.progress)("asking Debian's archive what it offers");
        let stall = Stall::new(vec![self.state.join("lists"), self.state.join("cache")]);
        match self.run_watched(&self.update_command(), stall, ("asking Debian", None)) {
            Ok(()) => Ok(write_whole(&stamp, b"")?),
            Err(error) => {
                let error = of_apt(error, Error::AskDebian);
                // An index that is there is still signed; that it is old must
                // not stop someone without a network.
                let of_host = matches!(error, Error::Host(_));
                if renew || age.is_none() || of_host {
                    return Err(error);
                }
                (self.context.progress)(
                    "warning: Debian's archive could not be reached; going by what it offered before",
                );
                Ok(())
            }
        }
    }

    /// The paragraphs that an `apt-cache` command prints; none when it finds
    /// nothing.
    fn query(&self, cmd: &Cmd) -> Result<String> {
        let output = self
            .context
            .processes
            .run_any_status(cmd)
            .map_err(|e| Error::of_tool(e, Error::AptIndex))?;
        Ok(output.text())
    }

    fn binary_offers(&self, package: &str) -> Result<Vec<Offer>> {
        let text = self.query(&self.show_command(Package::Linux, package))?;
        Ok(paragraphs(&text)
            .filter_map(|p| binary_offer(package, &p))
            .collect())
    }

    /// The newest `linux-source-X.Y`.
    fn newest_kernel(&self) -> Result<Option<String>> {
        let found = self.query(&self.search_command())?;
        Ok(found
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .max_by(|a, b| version::compare(a, b))
            .map(str::to_owned))
    }
}

impl Origin for Apt<'_> {
    fn offers(&self, package: Package, series: &str, renew: bool) -> Result<Vec<Offer>> {
        let waiting = |text: &str| (self.context.progress)(text);
        let _lock = self.context.cache.lock(&self.state, &waiting)?;
        self.update(renew)?;
        let mut offers = match package {
            Package::Linux => match kernel_series(series) {
                Some(series) => self.binary_offers(&format!("linux-source-{series}"))?,
                None => match self.newest_kernel()? {
                    Some(package) => self.binary_offers(&package)?,
                    None => Vec::new(),
                },
            },
            Package::LinuxConfig { architecture } => {
                let series = kernel_series(series).unwrap_or_else(|| series.to_owned());
                let mut offers = self.binary_offers(&format!("linux-config-{series}"))?;
                for offer in &mut offers {
                    offer.origin = of_architecture(&offer.origin, architecture);
                }
                offers
            }
            Package::BusyBox | Package::Musl => {
                let name = package.name();
                let text = self.query(&self.show_command(package, name))?;
                paragraphs(&text)
                    .filter_map(|p| source_offer(name, &p))
                    .collect()
            }
        };
        offers.retain(|o| version::is_of_series(&o.version, series));
        if offers.is_empty() {
            return Err(nothing_offered(package, series));
        }
        Ok(offers)
    }

    fn fetch(&self, package: Package, offer: &Offer, into: &Path) -> Result<()> {
        let name = package.name();
        (self.context.progress)(&format!(
            "{name}: downloading {} ({})",
            offer.version,
            Bytes(offer.size.unwrap_or(0))
        ));
        let what = match &offer.origin {
            Provenance::Debian(package) => package.as_str(),
            _ => name,
        };
        let what = what.split(':').next().unwrap_or(what);
        let exactly = format!("{what}={}", offer.version);
        let cmd = self.fetch_command(package, &exactly, into);
        let failed = |e| {
            of_apt(e, |error| Error::Download {
                package: name,
                version: offer.version.clone(),
                error,
            })
        };
        let stall = Stall::new(vec![into.to_owned()]);
        let doing = format!("fetching {name}");
        self.run_watched(&cmd, stall, (&doing, offer.size))
            .map_err(failed)
    }
}

impl Apt<'_> {
    /// Runs apt, says how far it is by what lies in its folders, and ends it when
    /// nothing comes any more.
    fn run_watched(
        &self,
        cmd: &Cmd,
        mut stall: Stall,
        (what, total): (&str, Option<u64>),
    ) -> std::result::Result<(), StallError> {
        let mut gets_on = || {
            let look = stall.look();
            if let Some(done) = look.bytes {
                (self.context.step)(&Step {
                    what,
                    done: total.map_or(done, |total| done.min(total)),
                    total,
                    unit: Unit::Bytes,
                });
            }
            look.gets_on
        };
        let ended = self.context.processes.run_while(cmd, &mut gets_on);
        ended.map(drop).map_err(|error| stall.explain(error))
    }
}

/// What a failure of apt is: one of the disk's, or of what it was for.
fn of_apt(error: StallError, what: impl FnOnce(ProcessError) -> Error) -> Error {
    match error {
        StallError::Full(error) => error.into(),
        StallError::Tool(error) => Error::of_tool(error, what),
    }
}

/// How long ago a file was written; `None` where it isn't there.
fn age_of(path: &Path) -> Option<Duration> {
    let at = fs::metadata(path).and_then(|m| m.modified()).ok()?;
    SystemTime::now().duration_since(at).ok()
}

/// The command that renews the index, where it is old or is to be renewed.
pub(super) fn index_command(
    context: &Context,
    package: Package,
    renew: bool,
) -> Result<Option<Cmd>> {
    let (apt, _) = Apt::find(context, package)?;
    let is_fresh = age_of(&apt.stamp()).is_some_and(|age| age < INDEX_LIFE);
    Ok((renew || !is_fresh).then(|| apt.update_command()))
}

/// The commands that fetch the newest of a series into a folder, once the index
/// is there; `version` is what the commands before the last tell.
pub(super) fn commands(
    context: &Context,
    package: Package,
    series: &str,
    version: &str,
    into: &Path,
) -> Result<Vec<Cmd>> {
    let (apt, _) = Apt::find(context, package)?;
    let mut commands = Vec::new();
    let name = match (package, kernel_series(series)) {
        (Package::Linux, Some(series)) => format!("linux-source-{series}"),
        (Package::Linux, None) => {
            commands.push(apt.search_command());
            "linux-source-<series>".to_owned()
        }
        (Package::LinuxConfig { .. }, of) => {
            format!("linux-config-{}", of.unwrap_or_else(|| series.to_owned()))
        }
        (Package::BusyBox | Package::Musl, _) => package.name().to_owned(),
    };
    commands.push(apt.show_command(package, &name));
    commands.push(apt.fetch_command(package, &format!("{name}={version}"), into));
    Ok(commands)
}

/// The package's architecture, where it isn't this machine's.
fn foreign(package: Package) -> Option<&'static str> {
    let native = match std::env::consts::ARCH {
        "x86" => "i386",
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    match package {
        Package::LinuxConfig { architecture } if architecture != native => Some(architecture),
        _ => None,
    }
}

/// A package that is another one for each architecture.
fn of_architecture(origin: &Provenance, architecture: &str) -> Provenance {
    Provenance::Debian(match origin {
        Provenance::Debian(package) => format!("{package}:{architecture}"),
        other => other.to_string(),
    })
}

/// `6.12` of `6.12` and of `6.12.117`; `None` of a series that names no minor
/// version.
fn kernel_series(series: &str) -> Option<String> {
    let mut parts = series.split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}

/// A paragraph's fields; further lines of a field are kept with their line
/// ends.
type Fields = Vec<(String, String)>;

fn paragraphs(text: &str) -> impl Iterator<Item = Fields> {
    text.split("\n\n").map(|paragraph| {
        let mut fields = Fields::new();
        for line in paragraph.lines() {
            if line.starts_with(' ') {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(line.trim());
                }
            } else if let Some((key, value)) = line.split_once(':') {
                fields.push((key.to_owned(), value.trim().to_owned()));
            }
        }
        fields
    })
}

fn field<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(k, _)| k == key)
        .map(|(_, v)| v.as_str())
}

/// An offer from a paragraph of a `Packages` index.
fn binary_offer(package: &str, fields: &Fields) -> Option<Offer> {
    let path = Path::new(field(fields, "Filename")?);
    Some(Offer {
        origin: Provenance::Debian(package.to_owned()),
        version: field(fields, "Version")?.to_owned(),
        file: path.file_name()?.to_str()?.to_owned(),
        size: Some(field(fields, "Size")?.parse().ok()?),
        sha256: Id::from_hex(field(fields, "SHA256")?)?,
    })
}

/// An offer from a paragraph of a `Sources` index: the upstream tarball.
fn source_offer(package: &str, fields: &Fields) -> Option<Offer> {
    let checksums = field(fields, "Checksums-Sha256")?;
    let mut archives = checksums.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let sha256 = Id::from_hex(words.next()?)?;
        let size: u64 = words.next()?.parse().ok()?;
        Some((sha256, size, words.next()?))
    });
    let is_upstream = |file: &str| {
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        stem.ends_with(".orig.tar") && !file.contains('/')
    };
    let (sha256, size, file) = archives.find(|(_, _, file)| is_upstream(file))?;
    Some(Offer {
        origin: Provenance::Debian(package.to_owned()),
        version: field(fields, "Version")?.to_owned(),
        file: file.to_owned(),
        size: Some(size),
        sha256,
    })
}

fn no_debian(why: &str) -> Error {
    Error::NoDebian(why.to_owned())
}

fn nothing_offered(package: Package, series: &str) -> Error {
    let name = package.name();
    Error::NotInDebian {
        package: name,
        series: series.to_owned(),
        looked_for: match (package, kernel_series(series)) {
            (Package::Linux, Some(series)) => format!("linux-source-{series}"),
            (Package::LinuxConfig { architecture }, Some(series)) => {
                format!("linux-config-{series} for {architecture}")
            }
            _ => format!("the source package {name}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_packages_offer_is_its_upstream_tarball() {
        let sha = "7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4";
        let text = format!(
            "Package: musl\nVersion: 1.2.3-1\nFiles:\n 0 1058642 musl_1.2.3.orig.tar.gz\n\
             Checksums-Sha256:\n {sha} 3511 musl_1.2.3-1.dsc\n {sha} 1058642 musl_1.2.3.orig.tar.gz\n \
             {sha} 490 musl_1.2.3.orig.tar.gz.asc\nHomepage: https://musl.libc.org/\n\n"
        );
        let offers: Vec<_> = paragraphs(&text)
            .filter_map(|p| source_offer("musl", &p))
            .collect();
        assert_eq!(offers.len(), 1);
        assert_eq!(offers[0].origin, Provenance::Debian("musl".to_owned()));
        assert_eq!(offers[0].file, "musl_1.2.3.orig.tar.gz");
        assert_eq!(offers[0].size, Some(1_058_642));
    }

    #[test]
    fn what_is_not_a_whole_paragraph_is_no_offer() {
        for text in [
            "",
            "\n\n\n",
            "Version: 1\nSHA256: zz\nSize: 1\nFilename: x",
            ": \n :\n",
        ] {
            assert_eq!(
                paragraphs(text)
                    .filter_map(|p| binary_offer("x", &p))
                    .count(),
                0
            );
            assert_eq!(
                paragraphs(text)
                    .filter_map(|p| source_offer("x", &p))
                    .count(),
                0
            );
        }
    }

    #[test]
    fn the_kernels_package_is_named_by_two_numbers() {
        assert_eq!(kernel_series("6.12.117").as_deref(), Some("6.12"));
        assert_eq!(kernel_series("6"), None);
        assert_eq!(kernel_series(""), None);
    }
}
