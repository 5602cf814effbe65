//! From what was typed to what it means: files are read, defaults filled in,
//! contradictions found.
//!
//! Every section is resolved even when another one is wrong, so that all
//! problems are told at once; a plan comes out only when there are none.

mod asked;
mod checks;
mod implied;
mod kernel;
mod machine;
mod ramdisk_files;
mod root;
mod root_options;
mod sources;
mod userland;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use host::units::Bytes;
use initramfs::Compression;

use super::adversity::NAMES;
use super::diagnostic::{Place, Placed, Problem, Problems, Wrong};
use super::files::Files;
use super::plan::{
    BudgetPlan, CertificateFile, LoadPlan, MissingCode, NetworkMode, NetworkPlan, OnTrap,
    Placement, Plan, PrunePlan, RamdiskPlan, RecipeOrigin, RootPlan, StaticAddress,
};
use super::{also, raw, words};
use crate::also::{Class, MadeAs};
use crate::arch::TrapDevices;
use crate::{Board, RecipeErrors, board};

/// What all sections need to be resolved.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// Where problems go.
    pub problems: &'a Problems,
    /// Where the recipe's files are.
    pub files: &'a Files,
}

/// Where a recipe stands.
#[derive(Debug)]
pub struct Home {
    /// Its name, when it doesn't give itself one.
    pub name: String,
    /// The file, or built in.
    pub origin: RecipeOrigin,
    /// The folder for its lock file and its outputs. Absolute.
    pub base: PathBuf,
    /// The folder that user's boards are relative to.
    pub files: Files,
}

impl Context<'_> {
    fn problem(&self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Takes what a typed value means, or adds the problem at its place.
    fn take<T>(&self, place: &Place, result: Result<T, Wrong>) -> Option<T> {
        self.problems.take(place, result)
    }
}

/// The plan of a recipe; `None` when there are problems, which have been added.
pub(crate) fn plan(problems: &Problems, raw: raw::Recipe, home: Home) -> Option<Plan> {
    let context = Context {
        problems,
        files: &home.files,
    };
    let name = name(&context, &raw, &home);
    let board = board(&context, &raw);
    let network = network(&context, &raw.network, board.as_ref());
    let root = root::plan(&context, &raw, board.as_ref());
    let ramdisk = ramdisk(&context, &raw, board.as_ref());
    let (userland, needs) =
        userland::plan(&context, &raw, &network.mode, board.as_ref(), root.as_ref());
    let machine = machine::plan(&context, &raw.machine, board.as_ref(), &home.base);
    let surroundings = checks::Surroundings {
        network: &network,
        userland: &userland,
        memory: machine.memory,
        board: board.as_ref(),
    };
    let checks = checks::plan(&context, &raw, &surroundings);
    let exercises = checks::exercises(&context, &raw.exercises, surroundings.is_mute());
    let requests = implied::requests(&implied::Wishes {
        raw: &raw,
        board: board.as_ref(),
        network: &network,
        ramdisk: &ramdisk,
        root: root.as_ref(),
        also: &also(&context, &raw.also),
        made: made_as(&context, &raw),
        memory: machine.memory.0,
        userland: &needs,
    });
    let words = kernel::Words {
        ip: implied::ip_parameter(&raw, &network.mode),
        root: root.as_ref().map(RootPlan::cmdline),
    };
    let mut kernel = kernel::plan(&context, raw.kernel, board.as_ref(), requests, words);
    kernel::mixing(&mut kernel, ramdisk.compress);
    let prune = prune(&context, raw.prune, board.as_ref());
    let plan = Plan {
        name: name?,
        origin: home.origin,
        base: home.base,
        board: board?,
        kernel,
        userland,
        ramdisk,
        root,
        network,
        machine,
        checks,
        exercises,
        budget: budget(&raw.budget),
        adversity: survived(problems, raw.survive.as_ref()),
        security: raw.security.map(|s| s.value).unwrap_or_default(),
        warnings: RecipeErrors::default(),
        prune,
    };
    problems.is_empty().then_some(plan)
}

/// What is to be pruned, and how.
fn prune(context: &Context<'_>, raw: raw::Prune, board: Option<&Board>) -> PrunePlan {
    let names = trap_names(context.problems, &raw, board);
    let on_trap = on_trap(context.problems, &raw, board);
    PrunePlan {
        level: raw.level.map(|l| l.value),
        keep: raw.keep,
        drop: raw.drop,
        whole_functions: raw.whole_functions.is_some_and(|w| w.value),
        names,
        on_trap,
        load: load(context.problems, raw.missing, raw.reserve),
        certificate: raw.certificate.and_then(|name| certificate(context, &name)),
    }
}

/// How what was pruned is loaded.
fn load(
    problems: &Problems,
    missing: raw::Given<MissingCode>,
    reserve: raw::Given<Bytes>,
) -> Option<LoadPlan> {
    let loads = missing.is_some_and(|m| m.value == MissingCode::Load);
    match (loads, reserve) {
        (false, Some(reserve)) => {
            let wrong = Wrong::new("nothing is loaded, and a reserve is for what is")
                .help("missing = \"load\" under [prune] loads what was pruned when it is needed");
            problems.wrong(&reserve.place, wrong);
            None
        }
        (false, None) => None,
        (true, reserve) => Some(LoadPlan {
            reserve: reserve.map_or(LoadPlan::RESERVE, |r| r.value),
        }),
    }
}

/// The certificate that a recipe names.
fn certificate(context: &Context<'_>, name: &Placed<String>) -> Option<CertificateFile> {
    let text = context.take(&name.place, context.files.text(&name.value))?;
    Some(CertificateFile {
        name: name.value.clone(),
        text,
    })
}

/// Whether the console is to say the name of a function that was missed.
fn trap_names(problems: &Problems, prune: &raw::Prune, board: Option<&Board>) -> bool {
    let Some(given) = prune.names.as_ref().filter(|given| given.value) else {
        return false;
    };
    if let Some(board) = board.filter(|board| !board.tells_traps()) {
        let message = format!("a trap of a kernel of {} prints nothing", board.name);
        let help = match board.arch.facts().trap_console {
            TrapDevices::Board => "give the board's file `uart` under [stop]",
            _ => "leave `names` out: `tuxling trap` says the name for the address",
        };
        problems.push(Problem::at(&given.place, message).help(help));
    }
    let missing = prune.missing.as_ref();
    if missing.is_some_and(|m| m.value == MissingCode::Load) {
        let message = "names are not printed yet where what is missing is loaded";
        let help = "leave `names` out, or `missing = \"load\"`";
        problems.push(Problem::at(&given.place, message).help(help));
    }
    true
}

/// What the machine does that is stopped, where it can do that.
fn on_trap(problems: &Problems, prune: &raw::Prune, board: Option<&Board>) -> OnTrap {
    let Some(given) = &prune.on_trap else {
        return OnTrap::Halt;
    };
    let deaf = board.filter(|board| !board.resets());
    if let (OnTrap::Reset(_), Some(board)) = (given.value, deaf) {
        let message = format!("the board {} doesn't say how it is reset", board.name);
        let help = match board.arch.facts().trap_reset {
            TrapDevices::Board => {
                "give the board's file `reset` under [stop], or leave `on-trap` out"
            }
            _ => "leave `on-trap` out: a trap of its kernels can't reset it yet",
        };
        problems.push(Problem::at(&given.place, message).help(help));
    }
    given.value
}

/// The cases of adversity that a recipe names.
fn survived(
    problems: &Problems,
    names: Option<&Placed<Vec<Placed<String>>>>,
) -> Option<Vec<String>> {
    let names = &names?.value;
    for name in names {
        let known = || NAMES.iter().copied();
        if known().any(|case| case == name.value) {
            continue;
        }
        let help = match words::nearest(&name.value, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", words::list(&known().collect::<Vec<_>>())),
        };
        let message = format!("there is no case `{}` of adversity", name.value);
        problems.push(Problem::at(&name.place, message).help(help));
    }
    Some(names.iter().map(|name| name.value.clone()).collect())
}

fn name(context: &Context<'_>, raw: &raw::Recipe, home: &Home) -> Option<String> {
    match &raw.name {
        Some(name) => Some(name.value.clone()),
        None => words::file_name(&home.name)
            .map_err(|_| {
                let message = format!("the file's name `{}` can't name the system", home.name);
                let help = "add name = \"NAME\" at the top";
                context.problem(Problem::at(&raw.place, message).help(help));
            })
            .ok(),
    }
}

fn board(context: &Context<'_>, raw: &raw::Recipe) -> Option<Board> {
    let Some(board) = &raw.board else {
        let names = words::list(&board::names());
        let help = format!("add board = \"NAME\" at the top; known are {names}");
        context.problem(Problem::at(&raw.place, "`board` is missing").help(help));
        return None;
    };
    board::load(context.problems, context.files, board)
}

fn network(context: &Context<'_>, raw: &raw::Network, board: Option<&Board>) -> NetworkPlan {
    let mode = match raw.mode.as_ref().map(|m| m.value) {
        None | Some(raw::Mode::None) => NetworkMode::None,
        Some(raw::Mode::Dhcp) => NetworkMode::Dhcp,
        Some(raw::Mode::Static) => NetworkMode::Static(fixed_address(context, raw)),
    };
    if !matches!(mode, NetworkMode::Static(_)) {
        let typed = [
            ("address", raw.address.as_ref().map(|a| &a.place)),
            ("gateway", raw.gateway.as_ref().map(|a| &a.place)),
            ("nameserver", raw.nameserver.as_ref().map(|a| &a.place)),
        ];
        for (key, place) in typed {
            if let Some(place) = place {
                let message = format!("`{key}` belongs to a fixed address");
                let help = format!("set mode = \"static\", or remove `{key}`");
                context.problem(Problem::at(place, message).help(help));
            }
        }
    }
    let nics: Vec<&str> = board.map_or_else(Vec::new, |b| {
        b.nics.iter().map(|nic| nic.model.as_str()).collect()
    });
    let nic = match (&raw.nic, &mode) {
        (Some(nic), NetworkMode::None) => {
            let help = "remove `nic`, or set mode = \"dhcp\"";
            let message = "a network card without a network";
            context.problem(Problem::at(&nic.place, message).help(help));
            None
        }
        (Some(nic), _) if board.is_some() && !nics.contains(&nic.value.as_str()) => {
            let message = format!("the board has no network card `{}`", nic.value);
            let help = if nics.is_empty() {
                "the board has none at all".to_owned()
            } else {
                words::suggestion(&nic.value, &nics)
            };
            context.problem(Problem::at(&nic.place, message).help(help));
            None
        }
        (Some(nic), _) => Some(nic.value.clone()),
        (None, NetworkMode::None) => None,
        (None, _) => nics.first().map(|nic| (*nic).to_owned()),
    };
    if let (Some(given), Some(board), true) = (&raw.mode, board, nics.is_empty())
        && mode != NetworkMode::None
    {
        let message = format!("the board {} has no network card", board.name);
        let help = "set mode = \"none\", or take another board";
        context.problem(Problem::at(&given.place, message).help(help));
    }
    NetworkPlan { mode, nic }
}

/// The fixed address: QEMU's own where nothing is said; the gateway is the
/// second address of another network, as QEMU gives it.
fn fixed_address(context: &Context<'_>, raw: &raw::Network) -> StaticAddress {
    let usual = StaticAddress::QEMU;
    let Some(given) = &raw.address else {
        return StaticAddress {
            gateway: raw.gateway.as_ref().map_or(usual.gateway, |g| g.value),
            nameserver: raw
                .nameserver
                .as_ref()
                .map_or(usual.nameserver, |n| n.value),
            ..usual
        };
    };
    let mut fixed = StaticAddress {
        address: given.value.0,
        prefix: given.value.1.unwrap_or(usual.prefix),
        ..usual
    };
    let nth = |n: u32| Ipv4Addr::from(u32::from(fixed.network()) + n);
    let (second, third) = (nth(2), nth(3));
    fixed.gateway = raw.gateway.as_ref().map_or(second, |g| g.value);
    fixed.nameserver = raw.nameserver.as_ref().map_or(third, |n| n.value);
    let place = raw.gateway.as_ref().map_or(&given.place, |g| &g.place);
    if fixed.gateway == fixed.address {
        let message = format!("{} is both the system and its gateway", fixed.address);
        let help = "give `address` and `gateway` different values";
        context.problem(Problem::at(place, message).help(help));
    } else if !fixed.has(fixed.gateway) {
        let (gateway, network) = (fixed.gateway, fixed.network());
        let message = format!("the gateway {gateway} is not in {network}/{}", fixed.prefix);
        let help = "the system could not reach it: give one of the same network";
        context.problem(Problem::at(place, message).help(help));
    }
    fixed
}

/// How the drivers of what may be plugged in are made.
fn made_as(context: &Context<'_>, raw: &raw::Recipe) -> MadeAs {
    let Some(made) = &raw.also_as else {
        return MadeAs::default();
    };
    if made.value == MadeAs::Module && raw.kernel.modules.is_none() {
        let message = "nobody gets these modules";
        let help = "write modules = \"all\" under [kernel], or the names of those that it is to be";
        context.problem(Problem::at(&made.place, message).help(help));
    }
    made.value
}

/// What devices may be plugged in later, by their classes.
fn also(context: &Context<'_>, typed: &[Placed<String>]) -> Vec<&'static Class> {
    let one = |name: &Placed<String>| {
        let found = also::class(&name.value);
        if found.is_none() {
            let message = format!("there is no class `{}`", name.value);
            let known: Vec<&str> = also::CLASSES.iter().map(|class| class.name).collect();
            let help = words::suggestion(&name.value, &known);
            context.problem(Problem::at(&name.place, message).help(help));
        }
        found
    };
    typed.iter().filter_map(one).collect()
}

fn ramdisk(context: &Context<'_>, raw: &raw::Recipe, board: Option<&Board>) -> RamdiskPlan {
    let flash = board.is_some_and(|board| board.flash.is_some());
    let usual = if flash {
        Placement::Flash
    } else {
        Placement::Separate
    };
    if raw.root.is_some() {
        return RamdiskPlan {
            compress: Compression::None,
            placement: Placement::Disk,
        };
    }
    let placement = raw.placement.as_ref().map_or(usual, |p| p.value);
    if let (Some(given), Some(board)) = (&raw.placement, board) {
        let wrong = match (placement, flash) {
            (Placement::Flash, false) => Some(("has no flash memory", "separate")),
            (Placement::Separate, true) => Some(("starts from flash memory alone", "flash")),
            _ => None,
        };
        if let Some((why, instead)) = wrong {
            let message = format!("the board {} {why}", board.name);
            let help = format!("write placement = \"{instead}\", or leave it out");
            context.problem(Problem::at(&given.place, message).help(help));
        }
    }
    modules_have_a_place(context, raw, placement);
    let given = raw.ramdisk_compress.as_ref();
    if let (Some(given), Placement::Flash) = (given, placement)
        && given.value != Compression::None
    {
        let message = "what is used where it is stored can't be compressed";
        let help = "write compress = \"none\", or leave it out";
        context.problem(Problem::at(&given.place, message).help(help));
    }
    let usual = match placement {
        Placement::Flash => Compression::None,
        Placement::Separate | Placement::Builtin | Placement::Disk => Compression::Xz,
    };
    RamdiskPlan {
        compress: given.map_or(usual, |c| c.value),
        placement,
    }
}

/// Modules are made when their kernel is, and can't be in it.
fn modules_have_a_place(context: &Context<'_>, raw: &raw::Recipe, placement: Placement) {
    let Some(modules) = &raw.kernel.modules else {
        return;
    };
    let (message, help) = match placement {
        Placement::Separate | Placement::Disk => return,
        Placement::Builtin => (
            "modules are made when their kernel is, and can't be in a ramdisk that is linked into it",
            "write placement = \"separate\" under [ramdisk], or leave `modules` out",
        ),
        Placement::Flash => (
            "a system that is executed in flash memory has no modules",
            "leave `modules` out, and ask for the drivers by y",
        ),
    };
    context.problem(Problem::at(&modules.place, message).help(help));
}

fn budget(raw: &raw::Budget) -> BudgetPlan {
    let size = |given: &raw::Given<Bytes>| given.as_ref().map(|g| g.value);
    BudgetPlan {
        image: size(&raw.image),
        ramdisk: size(&raw.ramdisk),
        total: size(&raw.total),
        ram: size(&raw.ram),
    }
}
