//! A trial as a file: all that it is, by content, without a path of the machine
//! that wants it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use builder::source::LockFile;
use host::{Cache, Id};
use prune::subject;
use recipe::Plan;
use recipe::config::Values;
use recipe::plan::{OriginWish, RecipeOrigin, SourceWish};
use serde::{Deserialize, Serialize};
use trial::check::CheckOptions;
use vm::machine::qemu::Accelerator;

use crate::edit::Edit;
use crate::error::{Error, Result};
use crate::fixed::Fixed;
use crate::store::Store;
use crate::trials::Asked;

/// The version of the format of trials.
pub const SPEC: &str = "tuxling.trial-spec/1";

/// One trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// [`SPEC`].
    pub schema: String,
    /// The object with the [`Base`]: what all trials of a search have in common.
    pub base: Id,
    /// What this one changes.
    pub edits: Vec<Edit>,
    /// What it must come to, as the search calls it: a machine that comes to
    /// another system has another compiler, say.
    pub system: String,
    /// Which attempt at that system it is, from 1.
    pub attempt: usize,
}

impl Spec {
    /// The identity of the trial: of the system and the attempt, whatever the way
    /// there.
    ///
    /// # Errors
    /// When it can't be written down.
    pub fn trial(&self) -> Result<Id> {
        Ok(Id::of(SPEC, &(&self.system, self.attempt))?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Spec, String> {
        let spec: Spec = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if spec.schema != SPEC {
            return Err(format!("its schema is `{}`, not `{SPEC}`", spec.schema));
        }
        Ok(spec)
    }
}

/// A file beside a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The object with its bytes.
    content: Id,
    /// Its permission bits.
    mode: u32,
}

/// What all trials of a search have in common.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The recipe: the name of a built-in one, or of a file below.
    recipe: String,
    /// The recipe and the files that it names, by their paths from its folder.
    files: BTreeMap<String, Input>,
    /// The text of its lock file.
    lock: String,
    /// The archives of its sources: SHA-256, and the name of the file.
    archives: BTreeMap<Id, String>,
    /// Whether each function has a section of its own, to be pruned.
    sectioned: bool,
    /// What earlier rounds of the search have taken.
    edits: Vec<Edit>,
    fixed: Fixed,
    fixed_values: BTreeMap<String, String>,
    exercises: Vec<bool>,
    qemu_args: Vec<String>,
    accelerator: Option<String>,
}

/// Where a search stands that wants trials.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The recipe as it was read.
    pub original: &'a Plan,
    /// Whether its kernel is made to be pruned.
    pub sectioned: bool,
    /// What earlier rounds have taken.
    pub edits: &'a [Edit],
}

impl Base {
    /// Gathers it; what it is made of goes into the store.
    ///
    /// # Errors
    /// When the recipe names what can't be sent along, or a file can't be kept.
    pub fn gather(
        origin: &Origin<'_>,
        asked: &Asked,
        cache: &Cache,
        store: &Store,
    ) -> Result<Base> {
        let plan = origin.original;
        can_be_sent(plan)?;
        let lock_path = plan.base.join(format!("{}.lock", plan.name));
        let lock =
            fs::read_to_string(&lock_path).map_err(|e| host::Error::file("read", &lock_path, e))?;
        let values = asked.fixed_values.iter();
        let (recipe, files) = files_of(plan, store)?;
        Ok(Base {
            recipe,
            files,
            archives: archives(&LockFile::read(&lock_path)?, cache, store)?,
            lock,
            sectioned: origin.sectioned,
            edits: origin.edits.to_vec(),
            fixed: asked.fixed.clone(),
            fixed_values: values.map(|(s, v)| (s.to_owned(), v.to_owned())).collect(),
            exercises: asked.exercises.clone(),
            qemu_args: asked.check.qemu_args.clone(),
            accelerator: asked.check.accelerator.map(|a| a.name().to_owned()),
        })
    }

    /// Keeps it; gives its object.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn keep(&self, store: &Store) -> Result<Id> {
        store.put(&serde_json::to_vec(self)?)
    }

    /// Reads it from a store.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn read(id: &Id, store: &Store) -> Result<Base> {
        let bytes = store.get(id)?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Damaged {
            path: store.object(id).unwrap_or_default(),
            problem: e.to_string(),
        })
    }

    /// Lays the recipe and its files out in a folder, and the archives of its
    /// sources into the cache.
    ///
    /// # Errors
    /// When something is missing, or the recipe is wrong.
    pub fn lay_out(&self, folder: &Path, cache: &Cache, store: &Store) -> Result<Asked> {
        for (name, input) in &self.files {
            let path = folder.join(inside(name)?);
            write(&path, &store.get(&input.content)?)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(input.mode))
                .map_err(|e| host::Error::file("change", &path, e))?;
        }
        for (id, name) in &self.archives {
            let path = cache
                .folder("archives")?
                .join(id.as_str())
                .join(inside(name)?);
            if !path.is_file() && store.object(id).is_some() {
                write(&path, &store.get(id)?)?;
            }
        }
        let recipe = inside(&self.recipe)?.display().to_string();
        let plan = recipe::load(&recipe, folder).map_err(|e| Error::Recipe(e.to_string()))?;
        write(
            &folder.join(format!("{}.lock", plan.name)),
            self.lock.as_bytes(),
        )?;
        let mut plan = if self.sectioned {
            subject::sectioned(&plan)
        } else {
            plan
        };
        for edit in &self.edits {
            edit.apply(&mut plan);
        }
        let values = self.fixed_values.iter();
        Ok(Asked {
            plan,
            fixed: self.fixed.clone(),
            fixed_values: values
                .map(|(s, v)| (s.clone(), v.clone()))
                .collect::<Values>(),
            exercises: self.exercises.clone(),
            check: CheckOptions {
                qemu_args: self.qemu_args.clone(),
                accelerator: self.accelerator.as_deref().and_then(accelerator),
                ..CheckOptions::default()
            },
        })
    }
}

fn accelerator(name: &str) -> Option<Accelerator> {
    let all = [Accelerator::Tcg, Accelerator::Kvm];
    all.into_iter().find(|one| one.name() == name)
}

/// Refuses what only this machine has.
///
/// # Errors
/// When a recipe's board is reached from here, or it is built from a tree here.
pub(crate) fn can_be_sent(plan: &Plan) -> Result<()> {
    match plan.machine.console {
        Some(_) => Err(Error::Board),
        None => refuse_trees(plan),
    }
}

/// Trees of the user's have no place that other machines know.
fn refuse_trees(plan: &Plan) -> Result<()> {
    let busybox = plan.userland.busybox.as_ref().map(|b| &b.source);
    let wishes = [&plan.kernel.source, &plan.userland.libc.source];
    for wish in wishes.into_iter().chain(busybox) {
        let path = match wish {
            SourceWish::Path(path) => Some(path),
            SourceWish::Listed { origins, .. } => origins.iter().find_map(|origin| match origin {
                OriginWish::Path(path) => Some(path),
                _ => None,
            }),
            SourceWish::Series(_) => None,
        };
        if let Some(path) = path {
            return Err(Error::NotSent {
                path: path.clone(),
                why: "it is a source tree on this machine",
            });
        }
    }
    Ok(())
}

/// The recipe's name, and the files that it names.
fn files_of(plan: &Plan, store: &Store) -> Result<(String, BTreeMap<String, Input>)> {
    let mut files = BTreeMap::new();
    let RecipeOrigin::File(recipe) = &plan.origin else {
        return Ok((plan.name.clone(), files));
    };
    let named = recipe::files_of(recipe).map_err(|e| Error::Recipe(e.to_string()))?;
    for path in named.iter().chain(std::iter::once(recipe)) {
        let refused = |why| Error::NotSent {
            path: path.clone(),
            why,
        };
        let name = path.strip_prefix(&plan.base);
        let name = name.map_err(|_| refused("it stands outside the recipe's folder"))?;
        let name = name
            .to_str()
            .ok_or_else(|| refused("its name is no UTF-8"))?;
        let failed = |e| host::Error::file("read", path, e);
        let about = fs::metadata(path).map_err(failed)?;
        if !about.is_file() {
            return Err(refused("it is a folder"));
        }
        let content = store.put(&fs::read(path).map_err(failed)?)?;
        let mode = about.permissions().mode() & 0o777;
        files.insert(name.to_owned(), Input { content, mode });
    }
    let name = recipe.file_name().unwrap_or_default();
    Ok((name.to_string_lossy().into_owned(), files))
}

/// The archives that this machine has of what a lock file names; others are
/// fetched by who needs them.
fn archives(lock: &LockFile, cache: &Cache, store: &Store) -> Result<BTreeMap<Id, String>> {
    let folder = cache.folder("archives")?;
    let mut archives = BTreeMap::new();
    for entry in lock.entries() {
        let files = fs::read_dir(folder.join(entry.sha256.as_str()));
        for file in files.into_iter().flatten().flatten() {
            let path = file.path();
            let name = file.file_name().to_string_lossy().into_owned();
            let is_it = Id::of_file(&path).is_ok_and(|id| id == entry.sha256);
            if is_it {
                store.put_file(&entry.sha256, &path)?;
                archives.insert(entry.sha256.clone(), name);
            }
        }
    }
    Ok(archives)
}

/// A path that stays inside a folder, whatever a store says.
fn inside(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    let plain = |c: Component<'_>| matches!(c, Component::Normal(_));
    if !name.is_empty() && path.components().all(plain) {
        return Ok(path);
    }
    Err(Error::Damaged {
        path: PathBuf::from(name),
        problem: "it is no path below a folder".to_owned(),
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|e| host::Error::file("make the folder", parent, e))?;
    Ok(host::cache::write_whole(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec() -> Spec {
        Spec {
            schema: SPEC.to_owned(),
            base: Id::of_bytes(b"base"),
            edits: vec![Edit::BareApplets],
            system: "system:1".to_owned(),
            attempt: 2,
        }
    }

    #[test]
    fn a_trial_is_its_system_and_its_attempt_whatever_the_way_there() {
        let one = spec();
        let other = Spec {
            base: Id::of_bytes(b"another"),
            edits: Vec::new(),
            ..spec()
        };
        assert_eq!(one.trial().expect("is one"), other.trial().expect("is one"));
        let third = Spec {
            attempt: 3,
            ..spec()
        };
        assert_ne!(one.trial().expect("is one"), third.trial().expect("is one"));
    }

    #[test]
    fn what_is_no_trial_is_told() {
        let text = serde_json::to_string(&spec()).expect("is written");
        assert_eq!(Spec::parse(text.as_bytes()), Ok(spec()));
        let newer = text.replace("spec/1", "spec/9");
        let told = Spec::parse(newer.as_bytes()).expect_err("is refused");
        assert!(told.contains("tuxling.trial-spec/9"), "{told}");
        let more = text.replace("{\"schema\"", "{\"more\":1,\"schema\"");
        assert!(Spec::parse(more.as_bytes()).is_err());
    }

    #[test]
    fn no_name_leads_out_of_its_folder() {
        for name in ["", "/etc/passwd", "../x", "a/../../x", "./x", "a/.."] {
            assert!(inside(name).is_err(), "{name}");
        }
        assert!(inside("boards/mine.toml").is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_trial_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Spec::parse(&bytes);
        }
    }
}
