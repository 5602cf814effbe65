//! QEMU's command line, as a pure function of the machine.
//!
//! Headless and interactive boots get the same machine: `-nodefaults` leaves
//! out all that nobody asked for (a display, a floppy drive, a CD-ROM), and a
//! user's own copy of the command has nothing else either.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::process::{Cmd, ProcessError, Processes};
use host::units::Bytes;
use recipe::arch::Arch;
use recipe::board::{Board, Port};
use recipe::plan::{EchoProtocol, RootPlan, StaticAddress};
use serde::{Deserialize, Serialize};

use super::medium::Medium;
use crate::error::{Error, Result};

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

/// The address of the guest's network card: QEMU's own default.
pub const GUEST_MAC: Mac = Mac([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);

/// A probe of KVM that takes longer has failed.
pub const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// So often in a row it has to succeed: where KVM is of no use it does once in a
/// while, when the host is busy.
const PROBES: usize = 3;

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accelerator {
    /// QEMU's translator.
    Tcg,
    /// The host's processor.
    Kvm,
}

impl Accelerator {
    /// Its name on QEMU's command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Accelerator::Tcg => "tcg",
            Accelerator::Kvm => "kvm",
        }
    }

    /// KVM where it really runs a machine of the architecture, else TCG.
    ///
    /// `/dev/kvm` can be there and open and yet be of no use: in some
    /// containers the firmware never gets past its timers. So the smallest
    /// machine is booted, a few times, each of which takes about 0.2 s where KVM
    /// works and [`PROBE_LIMIT`] where it doesn't. The answer holds until the host is
    /// booted again or QEMU changes, as long as [`kvm_opens`]; it is the
    /// caller's to keep. `dir` is a folder for the probe's file.
    pub fn probe(processes: &Processes, arch: Arch, dir: &Path) -> Result<Self> {
        let facts = arch.facts();
        if !kvm_opens(arch) {
            return Ok(Accelerator::Tcg);
        }
        let Some(probe) = facts.kvm_probe else {
            return Ok(Accelerator::Kvm);
        };
        let kernel = dir.join("kvm-probe");
        std::fs::create_dir_all(dir).map_err(|e| host::Error::file("create", dir, e))?;
        std::fs::write(&kernel, probe.kernel)
            .map_err(|e| host::Error::file("write", &kernel, e))?;
        let cmd = Cmd::new(facts.qemu)
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-accel", "kvm", "-m", "16M"])
            .args(probe.args)
            .arg("-kernel")
            .arg(&kernel)
            .limit(PROBE_LIMIT);
        for _ in 0..PROBES {
            match processes.run_any_status(&cmd) {
                Ok(output) if output.status.code() == Some(probe.status) => {}
                Ok(_) | Err(ProcessError::TimedOut { .. }) => return Ok(Accelerator::Tcg),
                Err(ProcessError::Interrupted { signal }) => {
                    return Err(host::Error::Interrupted { signal }.into());
                }
                Err(error) => return Err(Error::Qemu(error)),
            }
        }
        Ok(Accelerator::Kvm)
    }
}

/// Whether this host's processor fits and `/dev/kvm` can be opened. That can
/// change at any time (a module is loaded, a user joins a group) and costs
/// nothing to find out: it is not to be kept with the answer of
/// [`Accelerator::probe`].
pub fn kvm_opens(arch: Arch) -> bool {
    let uname = rustix::system::uname();
    let host = uname.machine().to_string_lossy();
    arch.facts().kvm_hosts.contains(&host.as_ref())
        && std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_ok()
}

/// A machine with what it boots.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The board.
    pub board: Board,
    /// The kernel's image, or that of flash memory where the board has it.
    pub kernel: PathBuf,
    /// The device tree that the kernel is given, if the board needs one.
    pub device_tree: Option<PathBuf>,
    /// The file that is loaded as the initial ramdisk, if any.
    pub initrd: Option<PathBuf>,
    /// The disks, if any.
    pub storage: Option<Storage>,
    /// The kernel's command line.
    pub cmdline: String,
    /// RAM.
    pub memory: Bytes,
    /// The CPU model; QEMU's default for the board when `None`.
    pub cpu: Option<String>,
    /// How many CPUs it has.
    pub cpus: u32,
    /// The network card's model; no network when `None`.
    pub nic: Option<String>,
    /// The network behind the card, where it is not QEMU's own.
    pub subnet: Option<StaticAddress>,
    /// The gateway of our own that stands behind the card instead of QEMU's.
    pub gateway: Option<SocketAddr>,
    /// Ports of this host's that lead into the guest, where QEMU's own network is
    /// behind the card.
    pub forwards: Vec<Forward>,
    /// What runs it.
    pub accelerator: Accelerator,
    /// Further arguments, at the end.
    pub extra: Vec<String>,
    /// What its own firmware boots; `None` where QEMU loads the kernel.
    pub medium: Option<Medium>,
}

impl Machine {
    /// QEMU's program that runs it.
    pub fn program(&self) -> &str {
        let firmware = self.medium.as_ref().map(|medium| &medium.firmware);
        let own = firmware.and_then(|firmware| firmware.qemu.as_deref());
        own.unwrap_or(self.board.arch.facts().qemu)
    }
}

/// The disks of a machine.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The root file system among them.
    pub root: RootPlan,
    /// Their images: the root file system's first. What the guest writes to them
    /// goes nowhere but to a file of QEMU's for the time of the boot.
    pub images: Vec<PathBuf>,
}

/// A port of this host's that leads to one of the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// TCP or UDP.
    pub protocol: EchoProtocol,
    /// On this host's loopback.
    pub host_port: u16,
    /// In the guest.
    pub guest_port: u16,
}

/// Where a machine's serial ports and network go.
#[derive(Clone, Copy, Debug)]
pub enum Wiring<'a> {
    /// Into files.
    Headless(&'a Files),
    /// The console is the terminal; Ctrl-A X leaves.
    Terminal,
}

/// The files of a headless boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// What the console prints.
    pub console: PathBuf,
    /// The base of the two paths through which a console takes keys
    /// ([`crate::boot::target::console_with_keys`]); a console that takes none is
    /// a plain file, and two boots under `-icount` are equal.
    pub keys: Option<PathBuf>,
    /// What the checks' agent says.
    pub channel: PathBuf,
    /// What goes over the wire.
    pub wire: PathBuf,
}

/// How time passes in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// As on the host.
    Host,
    /// One nanosecond for each instruction, idle time skipped, the date fixed,
    /// random numbers from a fixed seed: two boots are equal, instruction by
    /// instruction, as long as nothing comes from outside. TCG only.
    Instructions,
}

/// The command that boots the machine.
pub fn command(machine: &Machine, wiring: Wiring<'_>, clock: Clock) -> Cmd {
    let board = &machine.board;
    let accelerator = match clock {
        Clock::Host => machine.accelerator,
        Clock::Instructions => Accelerator::Tcg,
    };
    let mut cmd = Cmd::new(machine.program())
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-machine", &board.machine])
        .args(["-accel", accelerator.name()]);
    // A board that starts from flash memory has all that it has: the device tree
    // in its image tells the kernel how much of it there is, and what to do.
    let loaded = board.flash.is_none();
    if loaded {
        cmd = cmd.args(["-m", &memory_argument(machine.memory)]);
    }
    if let Some(cpu) = &machine.cpu {
        cmd = cmd.args(["-cpu", cpu]);
    }
    if machine.cpus > 1 {
        cmd = cmd.args(["-smp", &machine.cpus.to_string()]);
    }
    cmd = cmd.args(&board.qemu_args);
    cmd = match &machine.medium {
        Some(medium) => cmd.args(medium.arguments()),
        None => loads(cmd, machine),
    };
    cmd = cmd.args(["-display", "none"]);
    cmd = disks(cmd, machine);
    cmd = network(cmd, machine);
    cmd = match wiring {
        Wiring::Headless(files) => headless(cmd, machine, files),
        Wiring::Terminal => cmd.args(["-serial", "mon:stdio"]),
    };
    if clock == Clock::Instructions {
        cmd = cmd
            .args(["-icount", "shift=0,sleep=off"])
            .args(["-rtc", "base=2000-01-01T00:00:00,clock=vm"])
            .args(["-seed", "1"]);
    }
    cmd.args(&machine.extra)
}

/// What QEMU itself loads.
fn loads(mut cmd: Cmd, machine: &Machine) -> Cmd {
    cmd = cmd.arg("-kernel").arg(&machine.kernel);
    if let Some(device_tree) = &machine.device_tree {
        cmd = cmd.arg("-dtb").arg(device_tree);
    }
    if let Some(initrd) = &machine.initrd {
        cmd = cmd.arg("-initrd").arg(initrd);
    }
    // The device tree in flash memory has the command line.
    match machine.board.flash {
        Some(_) => cmd,
        None => cmd.args(["-append", &machine.cmdline]),
    }
}

/// A size as QEMU takes it: exact, and short where that is possible.
fn memory_argument(memory: Bytes) -> String {
    let kib = memory.as_kib();
    if kib.is_multiple_of(1024) {
        format!("{}M", kib / 1024)
    } else {
        format!("{kib}K")
    }
}

fn disks(mut cmd: Cmd, machine: &Machine) -> Cmd {
    let Some(storage) = &machine.storage else {
        return cmd;
    };
    for (number, image) in storage.images.iter().enumerate() {
        let id = format!("disk{number}");
        let file = option_value(image);
        cmd = cmd
            .arg("-drive")
            .arg(format!(
                "if=none,id={id},format=raw,snapshot=on,file={file}"
            ))
            .arg("-device")
            .arg(storage.root.drive.plugged(&id, number));
    }
    cmd
}

fn network(cmd: Cmd, machine: &Machine) -> Cmd {
    let Some(model) = &machine.nic else {
        return cmd.args(["-nic", "none"]);
    };
    let mac: Vec<String> = GUEST_MAC.0.iter().map(|b| format!("{b:02x}")).collect();
    let mac = mac.join(":");
    let subnet = machine.subnet.map(user_network).unwrap_or_default();
    let backend = match machine.gateway {
        Some(address) => format!("socket,id=net0,connect={address}"),
        None => format!("user,id=net0{subnet}{}", forwards(machine)),
    };
    let nics = &machine.board.nics;
    let nic = nics.iter().find(|nic| nic.model == *model);
    match nic.and_then(|nic| nic.device.as_ref()) {
        Some(device) => cmd
            .args(["-netdev", &backend, "-device"])
            .arg(format!("{device},netdev=net0,mac={mac}")),
        None => cmd.args(["-nic", &format!("{backend},model={model},mac={mac}")]),
    }
}

/// Who comes to a port of this host's loopback comes to the guest's.
fn forwards(machine: &Machine) -> String {
    // The first address that QEMU's DHCP server gives, unless the recipe fixes one.
    let guest = machine
        .subnet
        .map_or_else(String::new, |fixed| fixed.address.to_string());
    let one = |forward: &Forward| {
        let protocol = match forward.protocol {
            EchoProtocol::Tcp => "tcp",
            EchoProtocol::Udp => "udp",
        };
        let (from, to) = (forward.host_port, forward.guest_port);
        format!(",hostfwd={protocol}:127.0.0.1:{from}-{guest}:{to}")
    };
    machine.forwards.iter().map(one).collect()
}

/// The host behind the recipe's gateway. QEMU's own name server must stand in
/// the same network; one outside is none of QEMU's business.
fn user_network(fixed: StaticAddress) -> String {
    let mut text = format!(
        ",net={}/{},host={}",
        fixed.network(),
        fixed.prefix,
        fixed.gateway
    );
    if fixed.has(fixed.nameserver) && fixed.nameserver != fixed.gateway {
        text.push_str(&format!(",dns={}", fixed.nameserver));
    }
    text
}

fn headless(cmd: Cmd, machine: &Machine, files: &Files) -> Cmd {
    let mut cmd = cmd
        .args(["-monitor", "none", "-serial"])
        .arg(match &files.keys {
            None => format!("file:{}", option_value(&files.console)),
            Some(base) => format!("pipe:{}", option_value(base)),
        });
    let channel = option_value(&files.channel);
    match machine.board.channel.as_ref().map(|channel| &channel.port) {
        None => {}
        Some(Port::Serial(serial)) => {
            for _ in 1..*serial {
                cmd = cmd.args(["-serial", "null"]);
            }
            cmd = cmd.arg("-serial").arg(format!("file:{channel}"));
        }
        Some(Port::Devices(devices)) => {
            cmd = cmd
                .arg("-chardev")
                .arg(format!("file,id=channel,path={channel}"));
            for device in devices {
                cmd = cmd.args(["-device", device]);
            }
        }
    }
    if machine.nic.is_some() {
        cmd = cmd.arg("-object").arg(format!(
            "filter-dump,id=wire,netdev=net0,file={}",
            option_value(&files.wire)
        ));
    }
    cmd
}

/// A path inside one of QEMU's options, where a comma is written twice.
fn option_value(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// QEMU's version: `7.2.22`.
pub fn version(processes: &Processes, arch: Arch) -> std::result::Result<String, ProcessError> {
    let output = processes.run(&Cmd::new(arch.facts().qemu).arg("--version"))?;
    Ok(read_version(&output.text()))
}

fn read_version(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first
        .split_once("version ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or(first)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::board::{Channel, Nic};
    use std::net::Ipv4Addr;

    pub(crate) fn machine() -> Machine {
        Machine {
            board: Board {
                name: "pc".to_owned(),
                description: String::new(),
                arch: Arch::I386,
                machine: "pc".to_owned(),
                cpu: None,
                device_tree: None,
                qemu_args: Vec::new(),
                console: Some("ttyS0".to_owned()),
                cmdline: String::new(),
                pci: Vec::new(),
                stop: recipe::stop::Stop::default(),
                machine_cmdline: String::new(),
                channel: Some(Channel {
                    port: Port::Serial(1),
                    major: 4,
                    minor: 65,
                }),
                flash: None,
                nics: Vec::new(),
                drives: Vec::new(),
                memory: Bytes::mib(32),
                memory_step: Bytes::kib(16),
                memory_most: Bytes::mib(3072),
                cpus_most: 8,
                options: String::new(),
                drivers: Vec::new(),
                firmware: Vec::new(),
            },
            kernel: "/k/bzImage".into(),
            device_tree: None,
            initrd: Some("/k/initrd".into()),
            storage: None,
            cmdline: "console=ttyS0 panic=-1".to_owned(),
            memory: Bytes::mib(32),
            cpu: None,
            cpus: 1,
            nic: Some("e1000".to_owned()),
            subnet: None,
            gateway: None,
            forwards: Vec::new(),
            accelerator: Accelerator::Tcg,
            extra: vec!["-S".to_owned()],
            medium: None,
        }
    }

    #[test]
    fn a_headless_boot_goes_into_files() {
        let files = Files {
            console: "/b/console.log".into(),
            keys: None,
            channel: "/b/a,b".into(),
            wire: "/b/wire.pcap".into(),
        };
        let cmd = command(&machine(), Wiring::Headless(&files), Clock::Host);
        assert_eq!(
            cmd.to_line(),
            "qemu-system-i386 -nodefaults -no-user-config -no-reboot -machine pc -accel tcg -m 32M \
             -kernel /k/bzImage -initrd /k/initrd -append 'console=ttyS0 panic=-1' -display none \
             -nic user,id=net0,model=e1000,mac=52:54:00:12:34:56 -monitor none \
             -serial file:/b/console.log -serial file:/b/a,,b \
             -object filter-dump,id=wire,netdev=net0,file=/b/wire.pcap -S"
        );
    }

    #[test]
    fn an_interactive_boot_has_the_same_machine_on_the_terminal() {
        let mut machine = machine();
        machine.nic = None;
        machine.memory = Bytes::kib(6116);
        machine.accelerator = Accelerator::Kvm;
        machine.cpus = 4;
        machine.extra.clear();
        assert_eq!(
            command(&machine, Wiring::Terminal, Clock::Host).to_line(),
            "qemu-system-i386 -nodefaults -no-user-config -no-reboot -machine pc -accel kvm -m 6116K \
             -smp 4 -kernel /k/bzImage -initrd /k/initrd -append 'console=ttyS0 panic=-1' -display none \
             -nic none -serial mon:stdio"
        );
    }

    #[test]
    fn a_port_and_a_card_that_are_plugged_in_are_devices() {
        let mut machine = machine();
        let channel = machine.board.channel.as_mut().expect("a channel");
        channel.port = Port::Devices(vec![
            "virtio-serial-device".to_owned(),
            "virtconsole,chardev=channel".to_owned(),
        ]);
        machine.board.nics = vec![Nic {
            model: "virtio-net".to_owned(),
            device: Some("virtio-net-device".to_owned()),
            options: String::new(),
            pci: None,
        }];
        machine.nic = Some("virtio-net".to_owned());
        machine.device_tree = Some("/k/dtb".into());
        let files = Files {
            console: "/b/console.log".into(),
            channel: "/b/a,b".into(),
            keys: None,
            wire: "/b/wire.pcap".into(),
        };
        let cmd = command(&machine, Wiring::Headless(&files), Clock::Host);
        let line = cmd.to_line();
        let (_, line) = line.split_once("-kernel ").expect("it boots a kernel");
        assert_eq!(
            line,
            "/k/bzImage -dtb /k/dtb -initrd /k/initrd -append 'console=ttyS0 panic=-1' -display none \
             -netdev user,id=net0 -device virtio-net-device,netdev=net0,mac=52:54:00:12:34:56 \
             -monitor none -serial file:/b/console.log -chardev file,id=channel,path=/b/a,,b \
             -device virtio-serial-device -device virtconsole,chardev=channel \
             -object filter-dump,id=wire,netdev=net0,file=/b/wire.pcap -S"
        );
    }

    #[test]
    fn a_network_of_the_recipes_own_and_keys_for_the_console_are_told_to_qemu() {
        let mut machine = machine();
        machine.subnet = Some(StaticAddress {
            address: Ipv4Addr::new(192, 168, 7, 9),
            prefix: 28,
            gateway: Ipv4Addr::new(192, 168, 7, 1),
            nameserver: Ipv4Addr::new(192, 168, 7, 3),
        });
        let files = Files {
            console: "/b/console.log".into(),
            keys: Some("/b/console".into()),
            channel: "/b/channel.log".into(),
            wire: "/b/wire.pcap".into(),
        };
        let line = command(&machine, Wiring::Headless(&files), Clock::Host).to_line();
        assert!(line.contains("-serial pipe:/b/console -serial file:/b/channel.log"));
        assert!(
            line.contains(",net=192.168.7.0/28,host=192.168.7.1,dns=192.168.7.3,"),
            "{line}"
        );
    }

    #[test]
    fn firmware_is_given_the_medium_in_place_of_a_kernel() {
        let mut machine = machine();
        machine.extra.clear();
        machine.nic = None;
        machine.medium = Some(Medium {
            form: recipe::medium::Form::DiskEfi,
            firmware: recipe::firmware::Firmware {
                name: "OVMF".to_owned(),
                boots: Vec::new(),
                args: ["-bios", "{firmware}", "-drive", "format=raw,file={medium}"]
                    .map(str::to_owned)
                    .into(),
                files: Vec::new(),
                qemu: Some("qemu-system-x86_64".to_owned()),
                memory: Bytes::mib(128),
            },
            file: Some("/f/a,b".into()),
            image: "/m/a,b".into(),
        });
        let line = command(&machine, Wiring::Terminal, Clock::Host).to_line();
        assert_eq!(
            line,
            "qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -machine pc -accel tcg -m 32M \
             -bios /f/a,b -drive format=raw,file=/m/a,,b -display none -nic none -serial mon:stdio"
        );
    }

    #[test]
    fn counting_instructions_needs_tcg() {
        let mut machine = machine();
        machine.accelerator = Accelerator::Kvm;
        let line = command(&machine, Wiring::Terminal, Clock::Instructions).to_line();
        assert!(line.contains("-accel tcg") && line.contains("-icount shift=0"));
    }

    #[test]
    fn the_version_is_read_without_the_distributions_addition() {
        let text = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright";
        assert_eq!(read_version(text), "7.2.22");
    }
}
