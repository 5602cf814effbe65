//! Container images: which layers, in which order, and what is to be started.
//!
//! Of the OCI specification's descriptions a dozen fields are read; the crate
//! `oci-spec`, which has all of them, would bring sixteen others with it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::compressed::decompressed;
use crate::error::Error;
use crate::layer::Layers;
use crate::start::Start;
use crate::store::Store;
use crate::{Limits, Rootfs};

/// How an index names an image.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// How the media types of indexes end: the OCI's, and Docker's own.
const INDEXES: [&str; 2] = [".image.index.v1+json", ".manifest.list.v2+json"];
/// An index may name another one; so deep at most.
const DEPTH: usize = 8;

/// An image that was chosen.
#[derive(Debug)]
pub(crate) struct Image {
    layers: Vec<Blob>,
    start: Start,
}

/// A file of an image.
#[derive(Debug)]
struct Blob {
    /// Its name in the layout or archive.
    name: String,
    /// The SHA-256 that its bytes must have, in hexadecimal.
    sha256: Option<String>,
}

/// What names a blob (descriptor.md).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    platform: Option<Platform>,
}

/// Which machine an image is for (image-index.md).
#[derive(Clone, Debug, Deserialize)]
struct Platform {
    architecture: String,
}

/// `index.json`, or an index below it (image-index.md).
#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// One image (manifest.md).
#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// An image's configuration (config.md).
#[derive(Debug, Deserialize)]
struct Configuration {
    #[serde(default)]
    config: Option<Process>,
}

/// What is to be started; Go writes an empty list as `null`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Process {
    user: String,
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: String,
}

/// One image of an archive that `docker save` wrote (`manifest.json`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The image that is meant; none where the archive is a root file system itself.
pub(crate) fn find(store: &Store<'_>, architecture: &str) -> Result<Option<Image>, Error> {
    if store.is_folder() || (store.has("oci-layout") && store.has("index.json")) {
        return of_layout(store, architecture).map(Some);
    }
    if store.has("manifest.json") {
        let saved: Result<Vec<SavedImage>, Error> = json(store, "manifest.json", None);
        // A root file system may have a file of that name.
        if let Ok(saved) = saved {
            return of_saved(store, saved).map(Some);
        }
    }
    Ok(None)
}

fn of_layout(store: &Store<'_>, architecture: &str) -> Result<Image, Error> {
    let index: Index = json(store, "index.json", None)?;
    let mut one = chosen(store, &index.manifests, store.tag, architecture)?;
    let mut depth = 0;
    while depth < DEPTH && INDEXES.iter().any(|end| one.media_type.ends_with(end)) {
        let blob = blob(store, &one)?;
        let inner: Index = json(store, &blob.name, blob.sha256.as_deref())?;
        one = chosen(store, &inner.manifests, None, architecture)?;
        depth += 1;
    }
    let manifest = blob(store, &one)?;
    let manifest: Manifest = json(store, &manifest.name, manifest.sha256.as_deref())?;
    let config = blob(store, &manifest.config)?;
    let layers = manifest.layers.iter().map(|layer| {
        // `…layer.v1.tar+gzip`, and Docker's own `…rootfs.diff.tar.gzip`.
        if layer.media_type.contains(".tar") {
            return blob(store, layer);
        }
        Err(Error::Media {
            image: store.name(),
            media_type: layer.media_type.clone(),
        })
    });
    Ok(Image {
        layers: layers.collect::<Result<_, Error>>()?,
        start: start(store, &config)?,
    })
}

/// One manifest of several: by its tag, then by the machine it is for.
fn chosen(
    store: &Store<'_>,
    all: &[Descriptor],
    tag: Option<&str>,
    architecture: &str,
) -> Result<Descriptor, Error> {
    let name = |one: &Descriptor| one.annotations.get(REF_NAME).cloned();
    let machine = |one: &Descriptor| Some(one.platform.as_ref()?.architecture.clone());
    let tagged: Vec<&Descriptor> = match tag {
        Some(tag) => all
            .iter()
            .filter(|one| name(one).as_deref() == Some(tag))
            .collect(),
        None => all.iter().collect(),
    };
    let fitting: Vec<&Descriptor> = match tagged.as_slice() {
        [one] => vec![*one],
        several => several
            .iter()
            .filter(|one| machine(one).as_deref() == Some(architecture))
            .copied()
            .collect(),
    };
    match fitting.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(Error::Choice {
            image: store.name(),
            wanted: match (tag, tagged.is_empty()) {
                (Some(tag), _) => Some(tag.to_owned()),
                (None, _) if all.iter().any(|one| name(one).is_some()) => None,
                (None, _) => Some(architecture.to_owned()),
            },
            there: all
                .iter()
                .filter_map(|one| name(one).or_else(|| machine(one)))
                .collect(),
        }),
    }
}

fn of_saved(store: &Store<'_>, saved: Vec<SavedImage>) -> Result<Image, Error> {
    let tags = |one: &SavedImage| one.repo_tags.clone().unwrap_or_default();
    // `redis:7`, or the tag alone.
    let is_meant = |one: &&SavedImage| match store.tag {
        Some(tag) => tags(one)
            .iter()
            .any(|t| t == tag || t.rsplit_once(':').is_some_and(|(_, short)| short == tag)),
        None => true,
    };
    let meant: Vec<&SavedImage> = saved.iter().filter(is_meant).collect();
    let [image] = meant.as_slice() else {
        return Err(Error::Choice {
            image: store.name(),
            wanted: store.tag.map(str::to_owned),
            there: saved.iter().flat_map(tags).collect(),
        });
    };
    let plain = |name: &String| Blob {
        sha256: digest_in(name),
        name: name.clone(),
    };
    Ok(Image {
        layers: image.layers.iter().map(plain).collect(),
        start: start(store, &plain(&image.config))?,
    })
}

/// The digest that a file's own name is: `blobs/sha256/…`, or `….json`.
fn digest_in(name: &str) -> Option<String> {
    let last = name.rsplit('/').next()?;
    let digest = last.strip_suffix(".json").unwrap_or(last);
    let fits = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| digest.to_owned())
}

fn start(store: &Store<'_>, config: &Blob) -> Result<Start, Error> {
    let config: Configuration = json(store, &config.name, config.sha256.as_deref())?;
    let process = config.config.unwrap_or_default();
    let (entrypoint, command) = (process.entrypoint, process.cmd);
    Ok(Start {
        arguments: [entrypoint, command]
            .into_iter()
            .flatten()
            .flatten()
            .collect(),
        environment: process.env.unwrap_or_default(),
        user: process.user,
        directory: process.working_dir,
    })
}

/// Where a descriptor's bytes are: `blobs/sha256/HEX`.
fn blob(store: &Store<'_>, descriptor: &Descriptor) -> Result<Blob, Error> {
    let digest = &descriptor.digest;
    let hex = digest.strip_prefix("sha256:");
    let hex = hex.filter(|hex| digest_in(hex).is_some());
    let hex = hex.ok_or_else(|| Error::DigestKind {
        image: store.name(),
        digest: digest.clone(),
    })?;
    Ok(Blob {
        name: format!("blobs/sha256/{hex}"),
        sha256: Some(hex.to_owned()),
    })
}

fn json<T: DeserializeOwned>(
    store: &Store<'_>,
    name: &str,
    sha256: Option<&str>,
) -> Result<T, Error> {
    let text = store.text(name)?;
    let found = hex::encode(Sha256::digest(&text));
    if sha256.is_some_and(|wanted| wanted != found) {
        return Err(other_digest(store, name, found));
    }
    serde_json::from_slice(&text).map_err(|source| Error::Json {
        image: store.name(),
        blob: name.to_owned(),
        source,
    })
}

fn other_digest(store: &Store<'_>, blob: &str, found: String) -> Error {
    Error::Digest {
        image: store.name(),
        blob: blob.to_owned(),
        found,
    }
}

impl Image {
    /// Its layers, one over the other.
    pub(crate) fn unpack(self, store: &Store<'_>, limits: &Limits) -> Result<Rootfs, Error> {
        let mut layers = Layers::new(limits);
        for (at, blob) in self.layers.iter().enumerate() {
            let name = format!(
                "{}: layer {} of {}",
                store.name(),
                at + 1,
                self.layers.len()
            );
            store.open_file(&blob.name, |from| {
                let mut hashed = Hashed {
                    from,
                    hash: Sha256::new(),
                };
                let unread = |source| Error::Damaged {
                    archive: name.clone(),
                    after: "none".to_owned(),
                    source,
                };
                {
                    let mut tar = decompressed(&mut hashed).map_err(unread)?;
                    layers.add(&mut tar, &name)?;
                }
                // What stands behind the last entry is hashed as well.
                io::copy(&mut hashed, &mut io::sink()).map_err(unread)?;
                let found = hex::encode(hashed.hash.finalize());
                match &blob.sha256 {
                    Some(wanted) if *wanted != found => Err(other_digest(store, &blob.name, found)),
                    _ => Ok(()),
                }
            })?;
        }
        Ok(Rootfs {
            tree: layers.done(),
            start: Some(self.start),
        })
    }
}

/// A reader whose bytes are hashed as they come.
struct Hashed<'a> {
    from: &'a mut dyn Read,
    hash: Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
