//! What `want` finds, built: the kernel's own tools take the set as it is, and
//! the driver is in the kernel.

use builder::kernel::build::BuildInput;
use builder::kernel::{self, Tools, kconfig as tree};
use builder::source;
use builder::system::obtain_linux;
use host::Cache;
use host::process::{Cancel, Processes};
use host::session::{Session, Silent};
use recipe::config::Request;

use crate::fixture::{cache, pc_net};

#[test]
fn what_is_wanted_from_plain_tinyconfig_is_built() {
    let checked = pc_net();
    let mut plan = recipe::load("pc-net", &checked.dir).expect("built in");
    // Plain tinyconfig: nothing of the board's, nothing of the recipe's.
    plan.kernel.requests.clear();
    let processes = Processes::new(
        env!("CARGO_BIN_EXE_tuxling"),
        Cancel::on_signals().expect("signals"),
    );
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let session = Session::new(
        processes,
        Cache::at(&cache()).expect("a cache"),
        &Silent,
        jobs,
    );
    let arch = plan.board.arch;
    let tools = Tools::find(&plan.kernel.toolchain, arch, &session.processes).expect("gcc");
    let source = obtain_linux(&plan, source::Mode::Normal, &session).expect("in the cache");

    let tree = tree::load(&source, arch, &tools, &session).expect("loads");
    let mut tiny = tree.evaluate(&plan.kernel).expect("tinyconfig");
    let goal = tree.kconfig.request("E1000", "y").expect("a symbol");
    assert!(!tiny.holds(&goal), "tinyconfig has it already");
    let want = tiny.want(&goal).expect("a way");
    plan.kernel.requests = want
        .requests
        .iter()
        .map(|request| Request {
            symbol: tree.kconfig.display_name(request.symbol).to_owned(),
            value: "y".to_owned(),
            quoted: false,
            by: recipe::asker::Asker::CommandLine,
            lenient: false,
            optional: false,
        })
        .collect();

    let resolved = kernel::resolve(&plan.kernel, &source, arch, &tools, &session);
    let resolved = resolved.expect("resolves").value;
    assert_eq!(resolved.dropped, [], "make olddefconfig keeps them all");
    let built = kernel::build(
        &BuildInput {
            source: &source,
            config: &resolved,
            arch,
            tools: &tools,
            cflags: &[],
            ramdisk: None,
            device_tree: None,
        },
        &session,
    );
    let built = built.expect("compiles").value;
    let symbols = std::fs::read_to_string(built.system_map()).expect("System.map");
    for symbol in ["e1000_probe", "e1000_xmit_frame", "e1000_clean_rx_irq"] {
        let found = symbols
            .lines()
            .any(|line| line.split_whitespace().nth(2) == Some(symbol));
        assert!(found, "no {symbol} in {}", built.system_map().display());
    }
}
