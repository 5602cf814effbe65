//! Failures of what is typed: recipes.

use host::error::Kind;
use recipe::diagnostic::RecipeErrors;
use recipe::scaffold::ScaffoldError;

use super::Failure;

impl Failure {
    /// A recipe that can't be used, with what is wrong in it as the evidence.
    pub(crate) fn of_recipe(errors: &RecipeErrors, colour: bool) -> Failure {
        match errors.without_place() {
            Some(wrong) => Failure {
                help: wrong.help,
                ..Failure::new(Kind::Usage, wrong.message)
            },
            None => Failure::new(Kind::Usage, errors.summary()).detail(errors.render(colour)),
        }
    }
}

impl From<RecipeErrors> for Failure {
    fn from(errors: RecipeErrors) -> Failure {
        Failure::of_recipe(&errors, false)
    }
}

impl From<ScaffoldError> for Failure {
    fn from(error: ScaffoldError) -> Failure {
        let failure = Failure::new(Kind::Usage, error.to_string());
        match error {
            ScaffoldError::Host(error) => error.into(),
            ScaffoldError::Name(wrong) => Failure {
                help: wrong.help,
                ..failure
            },
            ScaffoldError::NoBoard { suggestion, .. } => failure.help(suggestion),
            ScaffoldError::Exists(_) => {
                failure.help("take another name, or move the file away: nothing is overwritten")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use recipe::{builtin, load};

    use super::*;

    #[test]
    fn a_name_that_is_nearly_a_built_in_one_is_suggested() {
        let failure = Failure::from(load("pc-nett", Path::new("/")).expect_err("none"));
        assert_eq!(failure.kind, Kind::Usage);
        let told = failure.to_string();
        let start =
            "error: there is no recipe `pc-nett`\nhelp: did you mean `pc-net`? Built in are ";
        assert!(told.starts_with(start), "{told}");
        assert!(told.contains(builtin::names()[0]), "{told}");
    }
}
