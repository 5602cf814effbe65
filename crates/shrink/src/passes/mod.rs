//! Search strategies that know nothing of what they search.

mod all_at_once;
mod alternatives;
mod deltas;
mod groups;
mod minimality;
mod one_by_one;

pub use all_at_once::AllAtOnce;
pub use alternatives::Alternatives;
pub use deltas::DeltaDebugging;
pub use groups::GroupTesting;
pub use minimality::Minimality;
pub use one_by_one::OneByOne;

use crate::pass::Turn;

/// The passes that suit most searches, in their order: groups, then the values
/// of numbers and choices, then each change that is left, then what only goes
/// together.
#[must_use]
pub fn standard() -> Vec<Turn> {
    vec![
        Turn::new(GroupTesting::new(), 6),
        Turn::new(Alternatives::new(), 2),
        Turn::new(Minimality::new(), 3),
        Turn::new(DeltaDebugging::new(), 1),
    ]
}
