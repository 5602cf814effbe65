//! Boards from their files.

use super::*;

#[test]
fn every_built_in_board_can_be_used() {
    for (name, text) in BUILT_IN {
        let problems = Problems::default();
        let board = read(&problems, name, name, text, &built_in_file);
        assert_eq!(problems.into_errors(name).to_string(), "");
        let board = board.expect("it was read");
        assert!(board.flash.is_some() || !board.nics.is_empty(), "{name}");
    }
}

#[test]
fn a_board_without_a_console_needs_a_channel() {
    let text = "arch = \"i386\"\nmachine = \"pc\"\nconsole = \"none\"\nmemory = \"8MiB\"\n";
    let problems = Problems::default();
    read(&problems, "b", "b.toml", text, &built_in_file);
    let errors = problems.into_errors("b.toml").to_string();
    assert!(errors.contains("`channel` is missing"), "{errors}");
}

#[test]
fn a_channel_is_one_port_or_devices_with_one() {
    let told = |channel: &str| {
        let (_, pc) = BUILT_IN[0];
        let (before, _) = pc.split_once("serial = 1").expect("pc has a second port");
        let text = format!("{before}{channel}\nmajor = 4\nminor = 65\n");
        let problems = Problems::default();
        let board = read(&problems, "b", "b.toml", &text, &built_in_file);
        let port = board.and_then(|b| Some(b.channel?.port));
        (port, problems.into_errors("b.toml").to_string())
    };
    let (port, errors) = told("devices = [\"a\", \"b,id=x,chardev=channel\"]");
    let devices = vec!["a".to_owned(), "b,id=x,chardev=channel".to_owned()];
    assert_eq!((port, errors.as_str()), (Some(Port::Devices(devices)), ""));
    for (channel, told_as) in [
        ("devices = [\"a,chardev=other\"]", "none of the devices"),
        ("", "either `serial` or `devices`"),
        (
            "serial = 1\ndevices = [\"a,chardev=channel\"]",
            "either `serial` or `devices`",
        ),
        ("serial = 0", "out of range"),
    ] {
        let (port, errors) = told(channel);
        assert_eq!(port, None, "{channel}");
        assert!(errors.contains(told_as), "{errors}");
        assert_eq!(errors.matches("error: ").count(), 1, "{errors}");
    }
}
