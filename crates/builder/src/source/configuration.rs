//! The configuration of the distribution's own kernel, out of Debian's package
//! `linux-config-SERIES`: one file for each kernel that is made of that series
//! for an architecture, `usr/src/linux-config-6.12/config.amd64_none_amd64.xz`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::kconfig::bytes::text_of;
use host::Id;
use recipe::package::Package;
use recipe::plan::{BaseConfig, SourceWish};
use rootfs::compressed::decompressed;

use super::{Context, LockEntry, LockFile, Mode, Request, Source, apt, archive, deb, version};
use crate::configuration_error::ConfigurationError;
use crate::error::{Error, Result};

/// No configuration is larger.
const LARGEST: u64 = 16 << 20;

/// The configuration of a flavour of the distribution's own kernel of the series
/// that a kernel belongs to: the package that it is in, and its text.
///
/// # Errors
/// As [`super::obtain`], and when the package has no such flavour.
pub fn configuration(
    linux: &Source,
    (architecture, flavour): (&'static str, &str),
    (lock, mode): (&LockFile, Mode),
    context: &Context,
) -> Result<(Source, Arc<BaseConfig>)> {
    let series = series_of(&linux.version);
    let request = Request {
        package: Package::LinuxConfig { architecture },
        wish: &SourceWish::Series(series.clone()),
        patches: &[],
        lock,
        mode,
    };
    let package = package(&request, &series, context)?;
    let name = package.origin.to_string();
    let mut all = read(&package.tree).map_err(|error| ConfigurationError::Unreadable {
        name: name.clone(),
        error,
    })?;
    let text = all
        .remove(flavour)
        .ok_or_else(|| ConfigurationError::NoFlavour {
            flavour: flavour.to_owned(),
            package: name,
            known: all.into_keys().collect(),
        })?;
    let base = BaseConfig::File {
        name: format!("Debian's {flavour} {}", package.version),
        text,
    };
    Ok((package, Arc::new(base)))
}

/// The series of a kernel's version: `6.12` of `6.12.117-1~deb12u1`.
pub fn series_of(version: &str) -> String {
    let numbers: Vec<&str> = version::upstream(version).split('.').take(2).collect();
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    let joined = numbers.join(".");
    joined.chars().take_while(|c| plain(*c)).collect()
}

/// The package: its archive is kept as it came, and its `tree` is the folder
/// that this stands in.
fn package(request: &Request, series: &str, context: &Context) -> Result<Source> {
    if let Some(entry) = super::locked_entry(request, series)?
        && let Some(folder) = kept(entry, context)?
    {
        return super::source_of(request, entry.clone(), folder, true);
    }
    let origin = apt::Apt::new(context, request.package)?;
    let offer = super::choose(request, series, &origin, context.progress)?;
    let entry = LockEntry {
        origin: offer.origin.clone(),
        version: offer.version.clone(),
        sha256: offer.sha256.clone(),
    };
    if let Some(folder) = kept(&entry, context)? {
        return super::source_of(request, entry, folder, true);
    }
    archive::fetch(request.package, &offer, &origin, context)?;
    let folder = kept(&entry, context)?.ok_or_else(|| Error::GoneAgain(offer.file.clone()))?;
    super::source_of(request, entry, folder, false)
}

/// The folder that a package is kept in, if it is there and still what it was; a
/// damaged one is removed.
fn kept(entry: &LockEntry, context: &Context) -> Result<Option<PathBuf>> {
    let folder = context
        .cache
        .folder("archives")?
        .join(entry.sha256.as_str());
    let Some(file) = archive::only_file(&folder).ok().flatten() else {
        return Ok(None);
    };
    let sha256 = Id::of_file(&file).map_err(|e| host::Error::file("read", &file, e))?;
    if sha256 == entry.sha256 {
        return Ok(Some(folder));
    }
    (context.progress)(&format!(
        "warning: {} is damaged; it is fetched anew",
        file.display()
    ));
    fs::remove_dir_all(&folder).map_err(|e| host::Error::file("remove", &folder, e))?;
    Ok(None)
}

/// The configurations by flavour: of a package, the first file in a folder.
fn read(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let package = files.filter(|path| path.is_file()).min();
    let package = package.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let mut found = BTreeMap::new();
    deb::find(BufReader::new(File::open(package)?), |path, content| {
        if let Some(flavour) = flavour_of(path) {
            let mut bytes = Vec::new();
            let content = decompressed(content)?;
            content.take(LARGEST + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > LARGEST {
                let what = format!("{path} is larger than {} MiB", LARGEST >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            found.insert(flavour, text_of(&bytes));
        }
        Ok(None::<()>)
    })?;
    Ok(found)
}

/// `amd64` of `usr/src/linux-config-6.12/config.amd64_none_amd64.xz`, `rt-amd64`
/// of `config.amd64_rt_amd64.xz`: architecture, feature set, flavour.
fn flavour_of(path: &str) -> Option<String> {
    let name = path
        .strip_prefix("usr/src/linux-config-")?
        .split('/')
        .nth(1)?;
    let name = name.strip_prefix("config.")?;
    let name = name.strip_suffix(".xz").unwrap_or(name);
    let mut parts = name.splitn(3, '_').skip(1);
    let (features, flavour) = (parts.next()?, parts.next()?);
    Some(match features {
        "none" => flavour.to_owned(),
        features => format!("{features}-{flavour}"),
    })
}

impl From<ConfigurationError> for Error {
    fn from(error: ConfigurationError) -> Error {
        Error::Configuration(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavours_are_named_as_debians_kernels_are() {
        let of = |name: &str| flavour_of(&format!("usr/src/linux-config-6.12/{name}"));
        for (name, flavour) in [
            ("config.amd64_none_amd64.xz", Some("amd64")),
            ("config.amd64_none_cloud-amd64.xz", Some("cloud-amd64")),
            ("config.amd64_rt_amd64.xz", Some("rt-amd64")),
            ("config.i386_none_686-pae.xz", Some("686-pae")),
            ("config.amd64", None),
            ("README", None),
        ] {
            assert_eq!(of(name).as_deref(), flavour, "{name}");
        }
        assert_eq!(flavour_of("usr/share/doc/x/config.a_none_b"), None);
    }

    #[test]
    fn the_series_is_that_of_the_kernel() {
        for (version, series) in [
            ("6.12.117-1~deb12u1", "6.12"),
            ("6.1.176", "6.1"),
            ("6.13-rc4", "6.13"),
            ("6.13", "6.13"),
            ("", ""),
        ] {
            assert_eq!(series_of(version), series);
        }
    }

    /// A package as Debian makes them: `ar` around a compressed tar.
    fn package(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let mut data = tar::Builder::new(Vec::new());
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            data.append_data(&mut header, name, *text)
                .expect("appended");
        }
        let data = data.into_inner().expect("a tar");
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::create(folder.path().join("x.deb")).expect("a file");
        let mut package = ar::Builder::new(file);
        let header = ar::Header::new(b"data.tar".to_vec(), data.len() as u64);
        package.append(&header, &data[..]).expect("appended");
        folder
    }

    #[test]
    fn configurations_are_read_out_of_the_package() {
        let folder = package(&[
            (
                "./usr/src/linux-config-6.12/config.amd64_none_amd64",
                b"CONFIG_A=y\n",
            ),
            (
                "./usr/src/linux-config-6.12/config.amd64_rt_amd64",
                b"CONFIG_B=y\n",
            ),
            ("./usr/share/doc/linux-config-6.12/copyright", b"x"),
        ]);
        let all = read(folder.path()).expect("readable");
        let shown: Vec<_> = all.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(
            shown,
            [("amd64", "CONFIG_A=y\n"), ("rt-amd64", "CONFIG_B=y\n")]
        );
        fs::write(folder.path().join("x.deb"), b"!<arch>\nbroken").expect("written");
        assert!(read(folder.path()).is_err());
    }
}
