//! The machine that boots the system: `[machine]`.

use std::path::Path;
use std::time::Duration;

use host::units::Bytes;

use super::Context;
use crate::diagnostic::{Placed, Problem};
use crate::hands::{HandsPlan, HostCommand, LOAD_LIMIT};
use crate::labgrid::LabgridPlace;
use crate::plan::{ConsoleLine, MachinePlan};
use crate::{Board, raw};

/// The wall-clock limit of a boot where the recipe sets none: generous, since
/// without KVM and on a busy machine a boot takes many times what it should.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a boot may be silent where the recipe doesn't say.
const SILENCE: Duration = Duration::from_secs(30);

/// The machine as asked for.
pub(super) fn plan(
    context: &Context<'_>,
    raw: &raw::Machine,
    board: Option<&Board>,
    base: &Path,
) -> MachinePlan {
    if let (Some(channel), None) = (&raw.channel, &raw.console) {
        let message = "a serial line for the checks, but none for the console";
        let help = "add console = \"serial:DEVICE,SPEED\", or remove `channel`: QEMU has its own";
        context.problem(Problem::at(&channel.place, message).help(help));
    }
    if let (Some(channel), Some(console)) = (&raw.channel, &raw.console)
        && channel.value.device == console.value.device
    {
        let message = "the console and the checks' channel are one line";
        let help = "the channel is a second serial port of the board's";
        context.problem(Problem::at(&channel.place, message).help(help));
    }
    let hands = hands(context, raw, base);
    let console = console(context, raw);
    let memory = board.map_or(Bytes::mib(32), |b| b.memory);
    if let (Some(given), Some(board)) = (&raw.memory, board)
        && !(board.memory_least()..=board.memory_most).contains(&given.value)
    {
        let message = format!("the machine can't have {} of RAM", given.value);
        let typed = |bytes: Bytes| match bytes.as_kib() {
            kib if kib.is_multiple_of(1024) => format!("{}MiB", kib / 1024),
            kib => format!("{kib}KiB"),
        };
        let (least, most) = (typed(board.memory_least()), typed(board.memory_most));
        let help = format!("from \"{least}\" to \"{most}\"");
        context.problem(Problem::at(&given.place, message).help(help));
    }
    if let (Some(given), Some(board)) = (&raw.cpus, board)
        && given.value > board.cpus_most
    {
        let message = format!("the machine can't have {} CPUs", given.value);
        let help = match board.cpus_most {
            1 => format!(
                "the board {} has one; `cpus-most` in a board's file says otherwise",
                board.name
            ),
            most => format!("from 1 to {most}"),
        };
        context.problem(Problem::at(&given.place, message).help(help));
    }
    let cpu = raw.cpu.as_ref().map(|cpu| cpu.value.clone());
    MachinePlan {
        memory: raw.memory.as_ref().map_or(memory, |m| m.value),
        timeout: raw.timeout.as_ref().map_or(TIMEOUT, |t| t.value),
        silence: raw.silence.as_ref().map_or(SILENCE, |s| s.value),
        cpu: cpu.or_else(|| board.and_then(|board| board.cpu.clone())),
        cpus: raw.cpus.as_ref().map_or(1, |c| c.value),
        console,
        channel: raw.channel.as_ref().map(|c| c.value.clone()),
        hands,
    }
}

/// Where the console of a board of the user's is.
fn console(context: &Context<'_>, raw: &raw::Machine) -> Option<ConsoleLine> {
    let environment = raw.labgrid_environment.as_ref();
    let Some(place) = &raw.labgrid else {
        if let Some(given) = environment {
            let problem = Problem::at(&given.place, "an environment without a place");
            context.problem(problem.help("add labgrid = \"PLACE\""));
        }
        let serial = raw.console.as_ref();
        return serial.map(|console| ConsoleLine::Serial(console.value.clone()));
    };
    let both = [
        raw.console.as_ref().map(|console| &console.place),
        raw.power.as_ref().map(|power| &power.place),
    ];
    for twice in both.into_iter().flatten() {
        let message = "labgrid has the board's console and switches it";
        let help = "leave it out, or `labgrid`";
        context.problem(Problem::at(twice, message).help(help));
    }
    let file =
        |given: &Placed<String>| context.take(&given.place, context.files.file(&given.value));
    Some(ConsoleLine::Labgrid(LabgridPlace {
        name: place.value.clone(),
        environment: environment.and_then(file),
    }))
}

/// What loads a board of the user's and switches it.
fn hands(context: &Context<'_>, raw: &raw::Machine, base: &Path) -> HandsPlan {
    let places = [
        raw.load.as_ref().map(|load| &load.place),
        raw.power.as_ref().map(|power| &power.place),
    ];
    let place = places.into_iter().flatten().next();
    if let (Some(place), None, None) = (place, &raw.console, &raw.labgrid) {
        let message = "a board is loaded or switched, but nothing says where its console is";
        let help = "add console = \"serial:DEVICE,SPEED\", or remove it: QEMU loads by itself";
        context.problem(Problem::at(place, message).help(help));
    }
    if let (Some(limit), None) = (&raw.load_timeout, &raw.load) {
        let message = "nothing is loaded that could take so long";
        context.problem(Problem::at(&limit.place, message).help("it goes with `load`"));
    }
    let command = |words: &raw::Given<Vec<String>>| {
        words.as_ref().map(|words| HostCommand {
            words: words.value.clone(),
            dir: base.to_owned(),
        })
    };
    HandsPlan {
        load: command(&raw.load),
        load_limit: raw.load_timeout.as_ref().map_or(LOAD_LIMIT, |l| l.value),
        power: command(&raw.power),
    }
}
