//! The words and quantities of a recipe, each from its text.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use host::units::{self, Bytes};

use super::diagnostic::Wrong;

/// The known word that is nearest to a mistyped one, if any is near: at most a
/// third of its letters away, `-`, `_` and case apart.
pub(crate) fn nearest<'w>(
    typed: &str,
    known: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let typed = plain(typed);
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(&typed, &plain(word)), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// "did you mean …?", or what there is.
pub(crate) fn suggestion(typed: &str, known: &[&str]) -> String {
    match nearest(typed, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known are {}", list(known)),
    }
}

/// Words in a sentence: `` `a`, `b` and `c` ``.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// One of several words.
pub(crate) fn word<T: Copy>(typed: &str, known: &[(&str, T)]) -> Result<T, Wrong> {
    let found = known.iter().find(|(word, _)| *word == typed);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        Wrong::new(format!("`{typed}` is not possible here")).help(suggestion(typed, &words))
    })
}

/// A number of bytes that is not zero.
pub(crate) fn bytes(typed: &str) -> Result<Bytes, Wrong> {
    let bytes: Bytes = typed.parse().map_err(|e| quantity(typed, &e))?;
    match bytes {
        Bytes(0) => Err(Wrong::new("zero bytes make no sense here")),
        _ => Ok(bytes),
    }
}

/// A duration that is not zero.
pub(crate) fn duration(typed: &str) -> Result<Duration, Wrong> {
    let duration = units::parse_duration(typed).map_err(|e| quantity(typed, &e))?;
    match duration {
        Duration::ZERO => Err(Wrong::new("no time at all makes no sense here")),
        _ => Ok(duration),
    }
}

fn quantity(typed: &str, error: &units::QuantityError) -> Wrong {
    match error {
        units::QuantityError::Malformed { expected, example } => {
            Wrong::new(format!("`{typed}` is not {expected}")).help(format!("write {example}"))
        }
        units::QuantityError::TooLarge => Wrong::new(format!("`{typed}` is too large")),
    }
}

/// A version or the beginning of one: `6.12`, `1.35`, `1.2.3`.
pub(crate) fn version(typed: &str) -> Result<String, Wrong> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if typed.split('.').count() <= 4 && typed.split('.').all(number) {
        Ok(typed.to_owned())
    } else {
        Err(Wrong::new(format!("`{typed}` is not a version"))
            .help("write numbers with dots, such as \"6.12\""))
    }
}

/// Permission bits in octal digits: `0644`.
pub(crate) fn mode(typed: &str) -> Result<u32, Wrong> {
    let digits = typed.strip_prefix("0o").unwrap_or(typed);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o7777 && !digits.starts_with('+') => Ok(mode),
        _ => Err(Wrong::new(format!("`{typed}` is not a file mode"))
            .help("write octal digits up to \"7777\", such as \"0755\"")),
    }
}

/// Two numbers with a colon between: an owner (`0:0`) or a device (`5:1`).
/// `most` are the largest of each.
pub(crate) fn pair(typed: &str, most: (u32, u32), example: &str) -> Result<(u32, u32), Wrong> {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| digits(part).then(|| part.parse::<u32>().ok()).flatten();
    let pair = typed
        .split_once(':')
        .and_then(|(a, b)| Some((number(a)?, number(b)?)));
    match pair {
        Some((a, b)) if a <= most.0 && b <= most.1 => Ok((a, b)),
        Some(_) => Err(Wrong::new(format!("`{typed}` is too large"))
            .help(format!("at most \"{}:{}\"", most.0, most.1))),
        None => Err(
            Wrong::new(format!("`{typed}` is not two numbers with a colon"))
                .help(format!("write it as in \"{example}\"")),
        ),
    }
}

/// A device number. The kernel's newc reader (init/initramfs.c) takes 12 bits
/// of major and 20 of minor.
pub(crate) fn device(typed: &str) -> Result<(u32, u32), Wrong> {
    pair(typed, (0xfff, 0xf_ffff), "5:1")
}

/// An owner and a group, by number: the ramdisk knows no names.
pub(crate) fn owner(typed: &str) -> Result<(u32, u32), Wrong> {
    pair(typed, (u32::MAX - 1, u32::MAX - 1), "0:0")
}

/// An IPv4 address: `10.0.2.2`.
pub(crate) fn address(typed: &str) -> Result<Ipv4Addr, Wrong> {
    let parsed = typed.parse();
    parsed.map_err(|_| {
        let message = match typed.parse::<Ipv6Addr>() {
            Ok(_) => format!("`{typed}` is an IPv6 address, and the network is IPv4"),
            Err(_) => format!("`{typed}` is not an IPv4 address"),
        };
        Wrong::new(message).help("write it as in \"10.0.2.2\"")
    })
}

/// An IPv4 address, and the bits of its network where they are given:
/// `10.0.2.15/24`.
pub(crate) fn network_address(typed: &str) -> Result<(Ipv4Addr, Option<u32>), Wrong> {
    let Some((host, bits)) = typed.split_once('/') else {
        return Ok((address(typed)?, None));
    };
    let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
    let host = address(host)?;
    match bits.parse() {
        Ok(bits @ 1..=30) if digits => Ok((host, Some(bits))),
        _ => Err(
            Wrong::new(format!("`{typed}` is not an IPv4 address with its network"))
                .help("behind the `/` stand 1 to 30 bits, as in \"10.0.2.15/24\""),
        ),
    }
}

/// A name that can stand in file names: letters, digits, `.`, `_`, `-`, not
/// beginning with a dot or a dash.
pub(crate) fn file_name(typed: &str) -> Result<String, Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = typed.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && typed.len() <= 64 && typed.chars().all(fits) {
        Ok(typed.to_owned())
    } else {
        Err(Wrong::new(format!("`{typed}` can't be a name")).help(
            "a name has up to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit",
        ))
    }
}

/// The name of a kernel module: what modprobe is given.
pub(crate) fn module(typed: &str) -> Result<String, Wrong> {
    let is_path = typed.contains('/') || typed.contains(".ko");
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if is_path || typed.is_empty() || !typed.chars().all(fits) {
        let help = "a module's name as modprobe knows it, such as \"usb-storage\": letters, \
                    digits, `_` and `-`, no folder and no ending";
        return Err(Wrong::new(format!("`{typed}` can't name a module")).help(help));
    }
    Ok(typed.to_owned())
}

/// A text that is one line.
pub(crate) fn one_line(text: &str) -> Result<String, Wrong> {
    if text.contains(['\n', '\r']) {
        Err(Wrong::new("this must be one line").help("remove the line ends"))
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_ignores_dashes_and_case() {
        let known = ["timeout", "busybox-path", "run"];
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("busybox_path", known), Some("busybox-path"));
        assert_eq!(nearest("RUN", known), Some("run"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn what_is_no_ipv4_address_is_said_to_be_none() {
        for (typed, message) in [
            ("example.org", "`example.org` is not an IPv4 address"),
            (
                "fe80::1",
                "`fe80::1` is an IPv6 address, and the network is IPv4",
            ),
            (
                "fe80::1/64",
                "`fe80::1` is an IPv6 address, and the network is IPv4",
            ),
            (
                "10.0.2.15/64",
                "`10.0.2.15/64` is not an IPv4 address with its network",
            ),
            ("10.0.2/24", "`10.0.2` is not an IPv4 address"),
        ] {
            let wrong = network_address(typed).expect_err(typed);
            assert_eq!(wrong.message, message);
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0644"), Ok(0o644));
        assert_eq!(mode("4755"), Ok(0o4755));
        for bad in ["", "rw-r--r--", "888", "10000", "+644"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_are_two_numbers_within_their_limits() {
        assert_eq!(device("4:65"), Ok((4, 65)));
        assert_eq!(owner("1000:100"), Ok((1000, 100)));
        for bad in [
            "",
            "5",
            "5:",
            ":1",
            "5:1:1",
            "+5:1",
            "4096:0",
            "1:99999999999",
        ] {
            assert!(device(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_numbers_with_dots() {
        assert!(version("6.12").is_ok());
        for bad in ["", "6.", "v6.12", "latest", "1.2.3.4.5"] {
            assert!(version(bad).is_err(), "{bad}");
        }
    }
}
