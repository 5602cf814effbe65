//! The user land's part of a recipe.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::implied::UserlandNeeds;
use super::ramdisk_files::{self, Beneath};
use super::{Context, sources};
use crate::asker::Asker;
use crate::diagnostic::{Place, Placed, Problem, Wrong};
use crate::init::{self, OwnTexts, Surroundings};
use crate::package::Package;
use crate::plan::{
    Access, BusyboxPlan, FileKind, FilePlan, Libc, LibcPlan, NetworkMode, RootPlan, SourceWish,
    UserlandPlan,
};
use crate::{Board, fragment, raw, words};

/// The user land as asked for, and what it needs of the kernel.
pub(super) fn plan(
    context: &Context<'_>,
    raw: &raw::Recipe,
    mode: &NetworkMode,
    board: Option<&Board>,
    root: Option<&RootPlan>,
) -> (UserlandPlan, UserlandNeeds) {
    let typed = &raw.userland;
    linked_without_library(context, typed, board);
    let below = below(context, typed);
    let (folder, rootfs) = match below {
        Below::Nothing => (None, None),
        Below::Folder(folder) => (folder, None),
        Below::Rootfs(source) => (None, Some(source)),
    };
    let has_rootfs = rootfs.is_some();
    let is_image = raw.root.as_ref().is_some_and(|root| root.image.is_some());
    let mut needs = UserlandNeeds {
        musl: typed.busybox.is_some(),
        foreign: has_rootfs || is_image,
        ..UserlandNeeds::default()
    };
    let mut applets = applets(context, typed);
    let own = own_files(context, &typed.files);
    let surroundings = surroundings(mode, board, root);
    let mut files = init_files(context, typed, surroundings, &mut applets, &mut needs);
    files.extend(init::devices(surroundings.has_console));
    files.extend(root.map(mount_points).unwrap_or_default());
    let replaced: HashSet<&str> = own.iter().map(|(file, _)| &*file.to).collect();
    files.retain(|written| !replaced.contains(&*written.to));
    let beneath = Beneath {
        written: &files,
        applets: typed.busybox.is_some().then_some(&applets[..]),
        folder: folder.as_deref(),
    };
    ramdisk_files::fit(context, &own, &beneath);
    files.extend(own.into_iter().map(|(file, _)| file));
    let command = command(context, typed, &files);
    if !has_rootfs && !is_image && command.is_none() {
        init_exists(context, raw, &files, folder.as_deref());
    }
    // What is in a root file system is known when it is read; what is missing
    // above a file is made then.
    let files = if has_rootfs {
        files
    } else {
        with_folders(files, folder.as_deref())
    };
    needs.script = script(&files);
    let (libc, busybox) = wishes(context, typed);
    let plan = UserlandPlan {
        busybox: busybox_plan(context, typed, applets, busybox),
        libc,
        folder,
        rootfs,
        command,
        files,
    };
    (plan, needs)
}

/// What init's files are written for.
fn surroundings<'a>(
    network: &'a NetworkMode,
    board: Option<&Board>,
    root: Option<&RootPlan>,
) -> Surroundings<'a> {
    Surroundings {
        network,
        read_only: root.is_some_and(|root| root.access == Access::ReadOnly),
        has_console: board.is_none_or(|board| board.console.is_some()),
    }
}

/// What the ramdisk's files are laid over.
enum Below {
    Nothing,
    /// None where it can't be read, which was told.
    Folder(Option<PathBuf>),
    Rootfs(rootfs::Source),
}

fn below(context: &Context<'_>, typed: &raw::Userland) -> Below {
    match (&typed.folder, &typed.from) {
        (None, None) => Below::Nothing,
        (Some(folder), None) => {
            Below::Folder(context.take(&folder.place, context.files.folder(&folder.value)))
        }
        (None, Some(from)) => match context.take(&from.place, source(context, &from.value)) {
            Some(Origin::Folder(folder)) => Below::Folder(Some(folder)),
            Some(Origin::Rootfs(source)) => Below::Rootfs(source),
            None => Below::Folder(None),
        },
        (Some(_), Some(from)) => {
            let help = "keep one of them: lay single files over it by [[userland.file]]";
            let message = "`from` beside `folder`: a ramdisk is laid over one of them";
            context.problem(Problem::at(&from.place, message).help(help));
            Below::Folder(None)
        }
    }
}

/// What `from` names.
enum Origin {
    Folder(PathBuf),
    Rootfs(rootfs::Source),
}

/// `oci:DIR[:TAG]`, `FILE[:TAG]`, or a folder, which may be an OCI layout.
fn source(context: &Context<'_>, typed: &str) -> Result<Origin, Wrong> {
    let named = typed.strip_prefix("oci:").unwrap_or(typed);
    let (path, tag) = match context.files.path(named)? {
        whole if whole.exists() => (whole, None),
        whole => match named.rsplit_once(':') {
            Some((path, tag)) => (context.files.path(path)?, Some(tag.to_owned())),
            None => (whole, None),
        },
    };
    let meta = path.metadata();
    let meta = meta.map_err(|e| crate::files::unreadable(&path, &e))?;
    let is_layout = path.join("oci-layout").is_file();
    match (meta.is_dir(), is_layout) {
        (true, true) => Ok(Origin::Rootfs(rootfs::Source::Layout { path, tag })),
        (true, false) if named == typed && tag.is_none() => Ok(Origin::Folder(path)),
        (true, false) => {
            let message = format!("{} is no OCI layout: it has no oci-layout", path.display());
            Err(Wrong::new(message).help("umoci and skopeo write one: skopeo copy … oci:DIR:TAG"))
        }
        (false, _) => Ok(Origin::Rootfs(rootfs::Source::Archive { path, tag })),
    }
}

/// BusyBox, and our init, which starts what a root file system names, are linked
/// with a C library.
fn linked_without_library(context: &Context<'_>, typed: &raw::Userland, board: Option<&Board>) {
    let Some(board) = board.filter(|board| board.arch.facts().musl_target.is_none()) else {
        return;
    };
    let help = "programs of your own: [[userland.file]] with compile = \"FILE.c\"";
    let lacks = |place: &Place, what: &str| {
        let message = format!(
            "there is no C library for {}, and {what}",
            board.arch.facts().name
        );
        context.problem(Problem::at(place, message).help(help));
    };
    if let Some(applets) = &typed.busybox {
        lacks(&applets.place, "no BusyBox without one");
    }
    let from = typed.from.as_ref().map(|from| &from.place);
    if let Some(place) = from.or(typed.command.as_ref().map(|command| &command.place)) {
        lacks(place, "starting this takes one");
    }
}

/// The program that is all of the system.
fn command(
    context: &Context<'_>,
    typed: &raw::Userland,
    files: &[FilePlan],
) -> Option<Vec<String>> {
    let given = typed.command.as_ref()?;
    if given.value.is_empty() {
        let help = "such as [\"/usr/bin/redis-server\", \"--port\", \"6379\"]";
        context.problem(Problem::at(&given.place, "`command` names no program").help(help));
    }
    if let Some(init) = files.iter().find(|file| file.to == "/init") {
        let message = "`command` beside an init of the recipe's";
        let help = match init.kind {
            FileKind::Symlink(_) => "BusyBox's init starts what /etc/inittab names: leave one out",
            _ => "keep one of the two",
        };
        context.problem(Problem::at(&given.place, message).help(help));
    }
    Some(given.value.iter().map(|word| word.value.clone()).collect())
}

/// Where the C library and BusyBox come from.
fn wishes(context: &Context<'_>, typed: &raw::Userland) -> (LibcPlan, SourceWish) {
    let libc = sources::Keys {
        package: Package::Musl,
        version: "libc-version",
        sources: "libc-sources",
        default: "",
    };
    let busybox = sources::Keys {
        package: Package::BusyBox,
        version: "busybox-version",
        sources: "busybox-sources",
        default: "",
    };
    let raw::Userland {
        libc_version,
        libc_path,
        libc_sources,
        busybox_version,
        busybox_path,
        busybox_sources,
        ..
    } = typed;
    let cloned = (
        libc_version.clone(),
        libc_path.clone(),
        libc_sources.clone(),
    );
    let libc = LibcPlan {
        library: typed.libc.as_ref().map_or(Libc::Musl, |given| given.value),
        source: sources::wish(context, &libc, cloned.0, cloned.1, cloned.2),
    };
    let cloned = (
        busybox_version.clone(),
        busybox_path.clone(),
        busybox_sources.clone(),
    );
    let busybox = sources::wish(context, &busybox, cloned.0, cloned.1, cloned.2);
    (libc, busybox)
}

fn applets(context: &Context<'_>, typed: &raw::Userland) -> Vec<String> {
    let mut seen = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    let Some(list) = &typed.busybox else {
        return seen;
    };
    if list.value.is_empty() && !typed.busybox_defconfig {
        let help = "name some, such as [\"sh\", \"ls\"], or leave `busybox` out";
        context.problem(Problem::at(&list.place, "no applet is named").help(help));
    }
    for applet in &list.value {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-[.".contains(c);
        if applet.value.is_empty() || !applet.value.chars().all(fits) {
            let message = format!("`{}` is not the name of an applet", applet.value);
            context.problem(Problem::at(&applet.place, message).help("such as \"sh\" or \"wget\""));
        } else if !known.insert(&applet.value) {
            let message = format!("the applet `{}` is named twice", applet.value);
            context.problem(Problem::at(&applet.place, message).help("remove one of the two"));
        } else {
            seen.push(applet.value.clone());
        }
    }
    seen
}

fn busybox_plan(
    context: &Context<'_>,
    typed: &raw::Userland,
    applets: Vec<String>,
    source: SourceWish,
) -> Option<BusyboxPlan> {
    if typed.busybox.is_none() {
        let keys = [
            ("busybox-version", &typed.busybox_version),
            ("busybox-path", &typed.busybox_path),
            ("busybox-options", &typed.busybox_options),
        ];
        for (key, value) in keys {
            if let Some(value) = value {
                let message = format!("`{key}` without `busybox`");
                let help = format!("add busybox = [APPLETS], or remove `{key}`");
                context.problem(Problem::at(&value.place, message).help(help));
            }
        }
        if let Some(usual) = &typed.busybox_usual {
            let message = "`busybox-usual` without `busybox`";
            let help = "add busybox = [APPLETS], or remove `busybox-usual`";
            context.problem(Problem::at(&usual.place, message).help(help));
        }
        return None;
    }
    let mut requests = Vec::new();
    for applet in &applets {
        let by = Asker::Applet(applet.clone());
        requests.extend(fragment::trusted(init::applet_options(applet), &by));
    }
    let implied = requests.iter().map(|r| r.symbol.clone()).collect();
    if let Some(options) = &typed.busybox_options {
        let by = Asker::BusyboxOptions;
        requests.extend(fragment::of_text(context.problems, options, &by));
    }
    Some(BusyboxPlan {
        source,
        applets,
        defconfig: typed.busybox_defconfig,
        usual: typed.busybox_usual.as_ref().is_some_and(|u| u.value),
        requests,
        implied,
    })
}

/// The files of init; adds the applets that they call.
fn init_files(
    context: &Context<'_>,
    typed: &raw::Userland,
    surroundings: Surroundings<'_>,
    applets: &mut Vec<String>,
    needs: &mut UserlandNeeds,
) -> Vec<FilePlan> {
    let mut own = OwnTexts::default();
    if let Some(given) = &typed.init {
        let texts = [&given.inittab, &given.rc_s, &given.fstab].map(Option::as_ref);
        let [inittab, rc_s, fstab] = texts.map(|text| text.and_then(|t| own_text(context, t)));
        own = OwnTexts {
            inittab,
            rc_s,
            fstab,
        };
        let any = texts.iter().any(Option::is_some);
        if let Some(path) = &given.path {
            if any {
                let message = "`path` is an init of its own: it reads no inittab, rcS or fstab";
                let help = "keep either `path` or the others";
                context.problem(Problem::at(&path.place, message).help(help));
            }
            let file = context.take(&path.place, context.files.file(&path.value));
            let file = file.map(|f| init::file("/init", FileKind::From(f), 0o755));
            return file.into_iter().collect();
        }
        if any && typed.busybox.is_none() {
            let message = "inittab, rcS and fstab are read by BusyBox's init";
            let help = "add busybox = [\"sh\"], or give init = { path = \"FILE\" }";
            context.problem(Problem::at(&given.place, message).help(help));
        }
    }
    if typed.busybox.is_none() {
        return Vec::new();
    }
    let made = init::busybox(own, surroundings);
    for applet in made.applets {
        if !applets.iter().any(|a| a == applet) {
            applets.push(applet.to_owned());
        }
    }
    needs.mounts_proc = made.mounts_proc;
    made.files
}

/// The folders of a root file system on a disk that something is mounted on.
fn mount_points(root: &RootPlan) -> Vec<FilePlan> {
    let folder = |to: &str| init::file(to, FileKind::Directory, 0o755);
    let mut folders = Vec::new();
    if root.has_mounter() {
        folders.extend(["/.root/new", "/.root/ram"].map(folder));
    }
    let data = root.data.as_ref();
    if let Some(mount) = data.and_then(|data| data.mount.as_ref()) {
        folders.push(folder(mount));
    }
    folders
}

fn own_text(context: &Context<'_>, text: &raw::Text) -> Option<FileKind> {
    match text {
        raw::Text::Inline(text) => Some(FileKind::Text(text.value.clone())),
        raw::Text::File(path) => {
            let file = context.files.text(&path.value);
            context.take(&path.place, file).map(FileKind::Text)
        }
    }
}

fn own_files(context: &Context<'_>, files: &[raw::File]) -> Vec<(FilePlan, Place)> {
    let mut plans: Vec<(FilePlan, Place)> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for file in files {
        let Some(to) = &file.to else {
            let help = "add to = \"/PATH/IN/THE/RAMDISK\"";
            context.problem(Problem::at(&file.place, "`to` is missing").help(help));
            continue;
        };
        let Some(path) = context.take(&to.place, ramdisk_files::path(&to.value)) else {
            continue;
        };
        if !seen.insert(path.clone()) {
            let message = format!("{path} is given twice");
            context.problem(Problem::at(&to.place, message).help("remove one of the two"));
        }
        let plan = own_file(context, file, path);
        plans.extend(plan.map(|plan| (plan, to.place.clone())));
    }
    plans
}

fn own_file(context: &Context<'_>, file: &raw::File, to: String) -> Option<FilePlan> {
    let (kind, usual) = file_kind(context, file)?;
    if let (FileKind::Symlink(_), Some(mode)) = (&kind, &file.mode) {
        let message = "a symbolic link has no mode of its own";
        context.problem(Problem::at(&mode.place, message).help("remove `mode`"));
    }
    let (uid, gid) = file.owner.as_ref().map_or((0, 0), |o| o.value);
    Some(FilePlan {
        to,
        kind,
        mode: file.mode.as_ref().map_or(usual, |m| m.value),
        uid,
        gid,
    })
}

/// What a file is, and the mode that it has when none is given.
fn file_kind(context: &Context<'_>, file: &raw::File) -> Option<(FileKind, u32)> {
    let from = |path: &Placed<String>| {
        let path = context.take(&path.place, context.files.file(&path.value))?;
        let mode = usual_mode(&path);
        Some((FileKind::From(path), mode))
    };
    let compile = |name: &Placed<String>| {
        let source = context.take(&name.place, context.files.text(&name.value))?;
        let name = name.value.clone();
        Some((FileKind::Program { name, source }, 0o755))
    };
    let directory = |on: &Placed<bool>| {
        if !on.value {
            let problem = Problem::at(&on.place, "`directory = false` says nothing");
            context.problem(problem.help("remove it"));
        }
        (FileKind::Directory, 0o755)
    };
    let text = |text: &Placed<String>| (FileKind::Text(text.value.clone()), 0o644);
    let link = |to: &Placed<String>| {
        let target = context.take(&to.place, ramdisk_files::target(&to.value))?;
        Some((FileKind::Symlink(target), 0o777))
    };
    let char = |major, minor| (FileKind::CharDevice { major, minor }, 0o600);
    let block = |major, minor| (FileKind::BlockDevice { major, minor }, 0o600);
    let kinds = [
        file.text.as_ref().map(|t| Some(text(t))),
        file.from.as_ref().map(from),
        file.compile.as_ref().map(compile),
        file.symlink.as_ref().map(link),
        file.directory.as_ref().map(|on| Some(directory(on))),
        file.char.as_ref().map(|n| Some(char(n.value.0, n.value.1))),
        file.block
            .as_ref()
            .map(|n| Some(block(n.value.0, n.value.1))),
    ];
    let mut given: Vec<_> = kinds.into_iter().flatten().collect();
    if given.len() != 1 {
        let message = match given.len() {
            0 => "the file has no content",
            _ => "the file is several things at once",
        };
        let all = [
            "text",
            "from",
            "compile",
            "symlink",
            "directory",
            "char",
            "block",
        ];
        let help = format!("give one of {}", words::list(&all));
        context.problem(Problem::at(&file.place, message).help(help));
        return None;
    }
    given.pop().flatten()
}

/// The mode of a user's file, without what depends on the user's umask.
fn usual_mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().map_or(0, |meta| meta.permissions().mode());
    if mode & 0o100 != 0 { 0o755 } else { 0o644 }
}

fn init_exists(
    context: &Context<'_>,
    raw: &raw::Recipe,
    files: &[FilePlan],
    folder: Option<&Path>,
) {
    let typed = &raw.userland;
    let wanted = typed.init.as_ref().is_some_and(|init| init.path.is_some());
    let in_folder = |f: &Path| f.join("init").symlink_metadata().is_ok();
    let found = wanted
        || typed.busybox.is_some()
        || files.iter().any(|file| file.to == "/init")
        || folder.is_some_and(in_folder);
    // A folder that couldn't be read is a problem already.
    if found || ((typed.folder.is_some() || typed.from.is_some()) && folder.is_none()) {
        return;
    }
    let place = typed.place.clone().unwrap_or_else(|| raw.place.clone());
    let place = typed
        .folder
        .as_ref()
        .map_or(place, |f: &Placed<String>| f.place.clone());
    let help = "add busybox = [\"sh\"] to [userland], init = { path = \"FILE\" }, a file /init, \
                or command = [\"PROGRAM\"]";
    missing_init(context, &place, help);
}

fn missing_init(context: &Context<'_>, place: &Place, help: &str) {
    let message = "the system has no /init: the kernel could start nothing";
    context.problem(Problem::at(place, message).help(help));
}

/// Adds the folders that files stand in, before them, where neither the list
/// nor the user's folder has them.
fn with_folders(files: Vec<FilePlan>, folder: Option<&Path>) -> Vec<FilePlan> {
    let known: HashSet<String> = files.iter().map(|file| file.to.clone()).collect();
    let mut made: Vec<PathBuf> = Vec::new();
    for file in &files {
        let parents: Vec<&Path> = Path::new(&file.to).ancestors().skip(1).collect();
        for parent in parents.into_iter().rev() {
            let text = parent.to_string_lossy();
            let inner = parent
                .components()
                .filter(|c| matches!(c, Component::Normal(_)));
            let there = folder.is_some_and(|f| f.join(inner.collect::<PathBuf>()).is_dir());
            if text != "/" && !there && !known.contains(text.as_ref()) {
                made.push(parent.to_owned());
            }
        }
    }
    made.sort();
    made.dedup();
    let entry = |path: PathBuf| init::file(&path.to_string_lossy(), FileKind::Directory, 0o755);
    let mut all: Vec<FilePlan> = made.into_iter().map(entry).collect();
    all.extend(files);
    // A folder given by the recipe stands before what is in it, too; the order
    // of everything else stays.
    all.sort_by_key(|file| match file.kind {
        FileKind::Directory => (0, file.to.clone()),
        _ => (1, String::new()),
    });
    all
}

/// The first file that the kernel would hand to an interpreter.
fn script(files: &[FilePlan]) -> Option<String> {
    let is_script = |file: &&FilePlan| match &file.kind {
        FileKind::Text(text) => text.starts_with("#!"),
        FileKind::From(path) => {
            let mut start = [0; 2];
            let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut start));
            read.is_ok() && start == *b"#!"
        }
        _ => false,
    };
    files.iter().find(is_script).map(|file| file.to.clone())
}
