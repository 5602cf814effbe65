//! Which kernel's `conf` is followed, where they differ.

/// Which `conf` to agree with. The kernel changed the meaning of choices and a
/// few details in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As in 6.1: a choice is a symbol with a value of its own, may be
    /// `tristate` or `optional`; a number without a default is empty.
    Linux6_1,
    /// As in 6.12: the members of a choice are chosen by what the user said
    /// last; a number without a default is `0`.
    Linux6_12,
}

impl Dialect {
    /// The dialect of a kernel, from its version text (`6.12.3`). The change
    /// came with 6.11.
    #[must_use]
    pub fn for_version(version: &str) -> Self {
        let mut numbers = version
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
        if (next(), next()) >= (6, 11) {
            Self::Linux6_12
        } else {
            Self::Linux6_1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_follows_the_version() {
        assert_eq!(Dialect::for_version("6.1.192"), Dialect::Linux6_1);
        assert_eq!(Dialect::for_version("6.12.117"), Dialect::Linux6_12);
        assert_eq!(Dialect::for_version("7.0-rc1"), Dialect::Linux6_12);
        assert_eq!(Dialect::for_version("5.10"), Dialect::Linux6_1);
    }
}
