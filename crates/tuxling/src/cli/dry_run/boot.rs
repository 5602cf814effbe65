//! The commands that boot a built system, on the terminal and with its checks.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ::prune::adversity::{ALL, Case};
use builder::system::output_folder;
use builder::userland::musl::UserCompiler;
use recipe::plan::{CheckPlan, Via};
use trial::check;
use vm::check::agent::{self, GuestCompiler};
use vm::check::asker;
use vm::machine::gdb;
use vm::machine::medium::Medium;
use vm::machine::qemu::{self, Accelerator, Clock, Files, Machine, Wiring};
use vm::machine::qmp;

use super::List;
use crate::cli::args::{ImageArgs, MachineArgs};
use crate::failure::Result;

/// Who loads and starts the system on a board.
const BOARD: &str = "the board at the recipe's serial line is booted by hand";

/// How a system is checked.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct CheckList<'a> {
    /// How its machine was asked for.
    pub machine: Option<&'a MachineArgs>,
    /// Whether its boot is counted.
    pub boot_cost: bool,
    /// Whether it is booted under adversity; by these cases alone, if any.
    pub adversity: Option<&'a [String]>,
    /// Whether nobody looks at traps: a search for RAM does not.
    pub unwatched: bool,
}

/// How QEMU is wired to what looks at a boot.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadlessBoot<'a> {
    /// The folder of its files.
    pub dir: &'a Path,
    /// What its clock goes by.
    pub clock: Clock,
    /// What the system is asked.
    pub checks: &'a [CheckPlan],
    /// Whether its traps are looked at.
    pub watched: bool,
}

impl List<'_> {
    /// The build, and the boot with its console on the terminal.
    pub(in crate::cli) fn boot(&mut self, args: &MachineArgs) -> Result<()> {
        self.build()?;
        if self.plan.machine.console.is_some() {
            self.phase("boot");
            self.note(BOARD);
            return Ok(());
        }
        let accelerator = self.accelerator(Some(args), false)?;
        self.phase("boot");
        let mut machine = self.machine(accelerator, &args.qemu_arg);
        machine.forwards = asker::planned(&self.plan.checks);
        self.start(&check::interactive(&machine))
    }

    /// The build, and the boots that check it.
    pub(in crate::cli) fn check(&mut self, wanted: CheckList) -> Result<()> {
        let built = self.whole_build()?;
        self.boots(wanted, &built.compiler)
    }

    /// The build, the image, and the boot that checks it.
    pub(in crate::cli) fn image(&mut self, args: &ImageArgs) -> Result<()> {
        let built = self.whole_build()?;
        let output = output_folder(self.plan, &self.request.options);
        let to = trial::medium::place(&output, args.form);
        self.phase("medium");
        for cmd in trial::medium::commands(self.plan, &output, args.form, &self.session)? {
            self.start(&cmd)?;
        }
        self.note(format!("put into {}", to.display()));
        if !args.check {
            return Ok(());
        }
        let medium = Medium::on(&self.plan.board, args.form, to)?;
        let accelerator = self.accelerator(Some(&args.machine), true)?;
        self.agent(&built.compiler, "agent")?;
        self.phase("boot");
        self.note("a second medium is made the same way, with the agent's archive and its plan");
        let mut machine = self.machine(accelerator, &args.machine.qemu_arg);
        let dir = output.join(format!("boot-{}", args.form));
        let image = dir.join(args.form.file_name());
        machine.medium = Some(Medium { image, ..medium });
        let boot = HeadlessBoot {
            dir: &dir,
            clock: Clock::Host,
            checks: &self.plan.checks,
            watched: false,
        };
        self.headless(&machine, boot)
    }

    /// The build, and the first boot of the search for the smallest RAM.
    pub(in crate::cli) fn ram(&mut self, args: &MachineArgs) -> Result<()> {
        self.check(CheckList {
            machine: Some(args),
            unwatched: true,
            ..CheckList::default()
        })?;
        self.phase("search");
        self.note(
            "the same boot with other RAM, by bisection: which comes next depends on whether\n\
             the one before has passed",
        );
        Ok(())
    }

    /// The boots that check a system.
    pub(super) fn boots(&mut self, wanted: CheckList, compiler: &UserCompiler) -> Result<()> {
        if self.plan.machine.console.is_some() {
            self.agent(compiler, "agent")?;
            self.phase("boot");
            self.note(BOARD);
            return Ok(());
        }
        let accelerator = self.accelerator(wanted.machine, true)?;
        let mute = self.plan.board.channel.is_none();
        if !mute {
            self.agent(compiler, "agent")?;
        }
        let extra = wanted.machine.map_or(&[][..], |args| &args.qemu_arg);
        let machine = self.machine(accelerator, extra);
        let output = output_folder(self.plan, &self.request.options);
        self.phase("boot");
        self.note(if mute {
            "what is shipped is booted, and its checks are typed at the console"
        } else {
            "an archive with the agent and its plan is put before the ramdisk"
        });
        let watched = self.plan.prune.certificate.is_some() && !wanted.unwatched;
        let dir = output.join("boot");
        let mut boot = HeadlessBoot {
            dir: &dir,
            clock: Clock::Host,
            checks: &self.plan.checks,
            watched,
        };
        self.headless(&machine, boot)?;
        if wanted.boot_cost && self.plan.board.arch.facts().cycle_counter {
            self.phase("boot cost");
            self.note("when the checks have passed and the store doesn't know the answer");
            let dir = output.join("boot-cost");
            boot.dir = &dir;
            boot.clock = Clock::Instructions;
            self.headless(&machine, boot)?;
        }
        if let Some(only) = wanted.adversity {
            self.agent(compiler, "adversary")?;
            self.note(
                "each case when the checks have passed; a gateway listens at a free port, told as 0",
            );
            for case in self.cases(only) {
                self.case(case, machine.clone(), &output)?;
            }
        }
        Ok(())
    }

    /// The boot of a case of adversity.
    fn case(&mut self, case: &Case, mut machine: Machine, output: &Path) -> Result<()> {
        self.phase(&format!("adversity: {}", case.name));
        case.change(&mut machine);
        if case.needs_monitor() {
            let socket = Path::new("<qmp>/monitor");
            machine.extra.extend(qmp::arguments(socket));
        }
        machine.gateway = case
            .faults()
            .map(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let boot = HeadlessBoot {
            dir: &output.join("adversity").join(case.name),
            clock: Clock::Host,
            checks: &case.checks(self.plan),
            watched: false,
        };
        self.headless(&machine, boot)
    }

    fn cases(&self, only: &[String]) -> Vec<&'static Case> {
        let named = |case: &&Case| only.is_empty() || only.iter().any(|name| name == case.name);
        let fits = |case: &&Case| case.not_for(self.plan).is_none();
        ALL.iter().filter(named).filter(fits).collect()
    }

    /// What runs the machine, told without trying KVM.
    fn accelerator(&mut self, args: Option<&MachineArgs>, headless: bool) -> Result<Accelerator> {
        self.phase("QEMU");
        let arch = self.plan.board.arch;
        let asked = args.and_then(MachineArgs::accelerator);
        let unknown = asked.is_none() && qemu::kvm_opens(arch);
        if headless || unknown {
            check::qemu_version(self.plan, &self.session)?;
            self.take_recorded();
        }
        if unknown {
            self.note(
                "/dev/kvm opens: a machine is started to see whether it works, once for each \
                 boot of this host; where it doesn't, -accel is tcg",
            );
        }
        let found = if unknown {
            Accelerator::Kvm
        } else {
            Accelerator::Tcg
        };
        Ok(asked.unwrap_or(found))
    }

    fn machine(&self, accelerator: Accelerator, extra: &[String]) -> Machine {
        let output = output_folder(self.plan, &self.request.options);
        check::machine(self.plan, &output, accelerator, extra)
    }

    /// A program of ours for the guest.
    pub(super) fn agent(&mut self, compiler: &UserCompiler, name: &str) -> Result<()> {
        self.phase(name);
        let compiler = GuestCompiler {
            cc: compiler.cc.clone(),
            cflags: Vec::new(),
            ldflags: Vec::new(),
        };
        let program = PathBuf::from(format!("<agent>/{name}"));
        self.start(&compiler.command(&program.with_extension("c"), &program))
    }

    /// A boot whose console goes to a file, with the agent before the ramdisk.
    pub(super) fn headless(&mut self, machine: &Machine, boot: HeadlessBoot) -> Result<()> {
        let HeadlessBoot {
            dir, clock, checks, ..
        } = boot;
        let typed = checks.iter().any(|c| c.via == Via::Console);
        let files = Files {
            console: dir.join("console.log"),
            keys: (typed && clock == Clock::Host).then(|| dir.join("console")),
            channel: dir.join("channel.log"),
            wire: dir.join("wire.pcap"),
        };
        let mut machine = machine.clone();
        match (&machine.board.channel, &mut machine.storage) {
            (Some(_), Some(storage)) => {
                storage.images.push(dir.join("checks-disk"));
                machine.cmdline = agent::cmdline_from_disk(&machine.cmdline, &storage.root);
            }
            (Some(_), None) => {
                machine.cmdline = agent::cmdline_with_agent(&machine.cmdline);
                machine.initrd = Some(dir.join("initrd"));
            }
            (None, _) => {}
        }
        if machine.board.flash.is_some() {
            machine.kernel = dir.join("flash");
        }
        if machine.gateway.is_none() && clock == Clock::Host {
            machine.forwards = asker::planned(checks);
        }
        let mut cmd = qemu::command(&machine, Wiring::Headless(&files), clock);
        if boot.watched {
            cmd = cmd.args(gdb::qemu_arguments(Path::new("<gdb>/gdb")));
        }
        self.start(&cmd)
    }
}
