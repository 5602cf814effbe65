//! The root file system on a disk: `[root]`.

use disk::{Filesystem, detect};
use host::units::Bytes;
use initramfs::Compression;

use super::Context;
use crate::Board;
use crate::diagnostic::{Placed, Problem, Wrong};
use crate::drive::Drive;
use crate::plan::{Access, DataPlan, ImagePlan, RootPlan};
use crate::{raw, words};

/// What a disk for data is formatted with where nothing is said.
const DATA: Filesystem = Filesystem::Ext4;

/// As large as a disk for data is.
const DATA_BYTES: Bytes = Bytes::mib(64);

/// The root file system as asked for; `None` where there is none on a disk, or
/// where it can't be had, which was told.
pub(super) fn plan(
    context: &Context<'_>,
    raw: &raw::Recipe,
    board: Option<&Board>,
) -> Option<RootPlan> {
    let typed = raw.root.as_ref()?;
    no_ramdisk(context, raw);
    let drive = drive(context, typed, board);
    let (image, found) = match &typed.image {
        Some(name) => image(context, typed, name)?,
        None => (None, None),
    };
    if let Some(image) = &image {
        nothing_beside(context, raw, image);
    }
    let filesystem = filesystem(context, typed, found)?;
    let compress = compression(context, typed, filesystem, found);
    let access = access(context, typed, filesystem, image.is_some());
    let data = typed.data.as_ref().map(|data| data_disk(context, data));
    sized(context, typed, filesystem);
    if let (Some(_), Some(mount)) = (
        &image,
        typed.data.as_ref().and_then(|data| data.mount.as_ref()),
    ) {
        let message = "`mount` beside `image`: nothing is put into an image that exists";
        let help = "leave `mount` out; the image's own files mount the second disk";
        context.problem(Problem::at(&mount.place, message).help(help));
    }
    let data = match data {
        Some(data) => Some(data?),
        None => None,
    };
    if let (Some(drive), Some(channel)) = (&drive, &raw.machine.channel) {
        let message = "the checks' agent comes on a disk of its own, which a board here has not";
        let help = format!(
            "leave `channel` out: checks with via = \"console\" need no agent, and the board's \
             {} holds the system",
            drive.model
        );
        context.problem(Problem::at(&channel.place, message).help(help));
    }
    Some(RootPlan {
        filesystem,
        compress,
        access,
        drive: drive?,
        size: typed.size.as_ref().map(|size| size.value),
        image,
        data,
    })
}

/// A system has one root.
fn no_ramdisk(context: &Context<'_>, raw: &raw::Recipe) {
    let places = [
        raw.placement.as_ref().map(|p| &p.place),
        raw.ramdisk_compress.as_ref().map(|c| &c.place),
    ];
    if let Some(place) = places.into_iter().flatten().next() {
        let message = "[ramdisk] beside [root]: what is on the disk is not in a ramdisk";
        context.problem(Problem::at(place, message).help("keep one of the two"));
    }
    let cmdline = raw.kernel.cmdline.as_ref();
    let named = cmdline.filter(|line| {
        let mut words = line.value.split_whitespace();
        words.any(|w| w.starts_with("root=") || w.starts_with("rootfstype="))
    });
    if let Some(line) = named {
        let message = "the command line names a root, and so does [root]";
        let help = "leave root= and rootfstype= out: they come by themselves";
        context.problem(Problem::at(&line.place, message).help(help));
    }
}

fn drive(context: &Context<'_>, typed: &raw::Root, board: Option<&Board>) -> Option<Drive> {
    let board = board?;
    let known: Vec<&str> = board.drives.iter().map(|d| d.model.as_str()).collect();
    let Some(first) = board.drives.first() else {
        let message = format!("the board {} has no disk", board.name);
        let help = "take another board, or add [[disk]] to a board file of your own";
        context.problem(Problem::at(&typed.place, message).help(help));
        return None;
    };
    let Some(on) = &typed.on else {
        return Some(first.clone());
    };
    let found = board.drives.iter().find(|drive| drive.model == on.value);
    if found.is_none() {
        let message = format!("the board {} has no disk `{}`", board.name, on.value);
        let help = words::suggestion(&on.value, &known);
        context.problem(Problem::at(&on.place, message).help(help));
    }
    found.cloned()
}

/// An image, and what it holds.
type Known = (Option<ImagePlan>, Option<detect::Found>);

fn image(context: &Context<'_>, typed: &raw::Root, name: &Placed<String>) -> Option<Known> {
    let path = context.take(&name.place, context.files.file(&name.value))?;
    let looked = match &typed.partition {
        None => Ok(Some(0)),
        Some(number) => detect::partition(&path, number.value),
    };
    let offset = looked.map_err(|e| crate::files::unreadable(&path, &e));
    let offset = context.take(&name.place, offset)?;
    let Some(offset) = offset else {
        let place = typed.partition.as_ref().map_or(&name.place, |p| &p.place);
        let message = format!("{} has no such partition", name.value);
        let help = "of the table in its first sector, 1 to 4; `fdisk -l FILE` lists them";
        context.problem(Problem::at(place, message).help(help));
        return None;
    };
    let found = detect::of_file(&path, offset);
    let found = found.map_err(|e| crate::files::unreadable(&path, &e));
    let found = context.take(&name.place, found)?;
    if found.is_none() {
        let message = format!("{} holds no file system that is known here", name.value);
        let help = match typed.partition {
            None => {
                "squashfs, erofs, ext4 and cramfs are; of a disk with partitions say which: partition = 1"
            }
            Some(_) => "squashfs, erofs, ext4 and cramfs are",
        };
        context.problem(Problem::at(&name.place, message).help(help));
        return None;
    }
    let plan = ImagePlan {
        path,
        partition: typed.partition.as_ref().map(|p| p.value),
    };
    Some((Some(plan), found))
}

/// What is on an image is its user land.
fn nothing_beside(context: &Context<'_>, raw: &raw::Recipe, image: &ImagePlan) {
    let u = &raw.userland;
    let typed = [
        ("busybox", u.busybox.as_ref().map(|b| &b.place)),
        ("folder", u.folder.as_ref().map(|f| &f.place)),
        ("from", u.from.as_ref().map(|f| &f.place)),
        ("command", u.command.as_ref().map(|c| &c.place)),
        ("init", u.init.as_ref().map(|i| &i.place)),
        ("file", u.files.first().map(|f| &f.place)),
        ("modules", raw.kernel.modules.as_ref().map(|m| &m.place)),
    ];
    for (key, place) in typed {
        if let Some(place) = place {
            let message = format!("`{key}` beside an image that exists");
            let name = image.path.file_name().unwrap_or_default().to_string_lossy();
            let help = format!("what is in {name} is the user land: remove one of the two");
            context.problem(Problem::at(place, message).help(help));
        }
    }
}

fn filesystem(
    context: &Context<'_>,
    typed: &raw::Root,
    found: Option<detect::Found>,
) -> Option<Filesystem> {
    match (&typed.filesystem, found) {
        (Some(given), Some(found)) if given.value != found.filesystem => {
            let message = format!("the image holds {}", found.filesystem.name());
            let help = "leave `filesystem` out: it is seen in the image";
            context.problem(Problem::at(&given.place, message).help(help));
            None
        }
        (Some(given), _) => Some(given.value),
        (None, Some(found)) => Some(found.filesystem),
        (None, None) => {
            let help = "add filesystem = \"squashfs\", \"erofs\", \"ext4\" or \"cramfs\"";
            context.problem(Problem::at(&typed.place, "`filesystem` is missing").help(help));
            None
        }
    }
}

fn compression(
    context: &Context<'_>,
    typed: &raw::Root,
    filesystem: Filesystem,
    found: Option<detect::Found>,
) -> Compression {
    let known = filesystem.compressions();
    let usual = found
        .and_then(|found| found.compression)
        .unwrap_or(known[0]);
    let Some(given) = &typed.compress else {
        return usual;
    };
    let word = |one: Compression| {
        let found = raw::COMPRESSIONS.iter().find(|(_, c)| *c == one);
        found.map_or("", |(word, _)| word)
    };
    if found.is_some() {
        let help = "leave `compress` out: it is seen in the image";
        let message = "an image that exists is compressed as it is";
        context.problem(Problem::at(&given.place, message).help(help));
    } else if !known.contains(&given.value) {
        let words: Vec<&str> = known.iter().map(|one| word(*one)).collect();
        let message = format!("{} can't be made so", filesystem.name());
        let help = format!("it takes {}", words::list(&words));
        context.problem(Problem::at(&given.place, message).help(help));
    }
    given.value
}

fn access(
    context: &Context<'_>,
    typed: &raw::Root,
    filesystem: Filesystem,
    is_image: bool,
) -> Access {
    let usual = if filesystem.is_writable() {
        Access::Writable
    } else {
        Access::ReadOnly
    };
    let Some(given) = &typed.access else {
        return usual;
    };
    let wrong = match given.value {
        Access::Writable if !filesystem.is_writable() => Some((
            format!("nothing can be written to {}", filesystem.name()),
            "access = \"overlay\" keeps what is written in RAM; ext4 can be written to",
        )),
        Access::Overlay if is_image => Some((
            "an overlay over an image that exists".to_owned(),
            "the program that lays it stands in the root file system, and nothing is put into an \
             image that exists: its own init has to do it",
        )),
        _ => None,
    };
    if let Some((message, help)) = wrong {
        context.problem(Problem::at(&given.place, message).help(help));
    }
    given.value
}

fn sized(context: &Context<'_>, typed: &raw::Root, filesystem: Filesystem) {
    let Some(size) = &typed.size else { return };
    let message = match &typed.image {
        Some(_) => "an image that exists is as large as it is".to_owned(),
        None if !filesystem.is_writable() => {
            format!("{} is as large as what is in it", filesystem.name())
        }
        None if size.value < Bytes::mib(1) => "a file system needs 1 MiB at least".to_owned(),
        None => return,
    };
    context.problem(Problem::at(&size.place, message).help("leave `size` out, or raise it"));
}

fn data_disk(context: &Context<'_>, typed: &raw::RootData) -> Option<DataPlan> {
    let filesystem = typed.filesystem.as_ref().map_or(DATA, |f| f.value);
    if let Some(given) = &typed.filesystem
        && !filesystem.is_writable()
    {
        let message = format!("nothing can be written to {}", filesystem.name());
        let help = "filesystem = \"ext4\", or leave it out";
        context.problem(Problem::at(&given.place, message).help(help));
    }
    let size = typed.size.as_ref().map_or(DATA_BYTES, |size| size.value);
    if let Some(given) = typed.size.as_ref().filter(|s| s.value < Bytes::mib(8)) {
        let message = "a file system with a journal needs 8 MiB at least";
        context.problem(Problem::at(&given.place, message).help("size = \"64MiB\", for instance"));
    }
    let mount = match &typed.mount {
        None => None,
        Some(mount) => Some(mounted(context, mount)?),
    };
    Some(DataPlan {
        filesystem,
        size,
        mount,
    })
}

/// A folder of the root file system's.
fn mounted(context: &Context<'_>, mount: &Placed<String>) -> Option<String> {
    let path = super::ramdisk_files::path(&mount.value);
    let path = path.and_then(|path| {
        if path.contains(char::is_whitespace) {
            Err(Wrong::new(format!("`{path}` has a blank in it")).help("such as \"/data\""))
        } else {
            Ok(path)
        }
    });
    context.take(&mount.place, path)
}
