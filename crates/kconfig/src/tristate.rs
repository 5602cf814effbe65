//! The three values of a dependency: no, module, yes.

use std::fmt;

/// `n`, `m` or `y`, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tristate {
    /// `n`
    #[default]
    No,
    /// `m`
    Mod,
    /// `y`
    Yes,
}

impl Tristate {
    /// `!`: yes and no trade places, module stays.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Mod => Self::Mod,
            Self::Yes => Self::No,
        }
    }

    /// `n`, `m` or `y`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "n",
            Self::Mod => "m",
            Self::Yes => "y",
        }
    }

    /// The value whose name is exactly `text`.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        match text {
            "n" => Some(Self::No),
            "m" => Some(Self::Mod),
            "y" => Some(Self::Yes),
            _ => None,
        }
    }
}

impl From<bool> for Tristate {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

impl fmt::Display for Tristate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
