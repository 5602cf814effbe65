//! The objects that drive a recipe's network card: what the kernel's Makefiles
//! compile for the options that the board's file has for that card.

use std::collections::BTreeSet;

use builder::kernel::makefiles;
use builder::system::Ingredients;
use recipe::Plan;
use recipe::config::Values;

/// Where the kernel keeps the drivers of cards. The buses that the same options
/// turn on are elsewhere.
const DRIVERS: &str = "drivers/net/";

/// The paths of the objects; none where the recipe has no card.
pub(crate) fn objects(plan: &Plan, ingredients: &Ingredients) -> BTreeSet<String> {
    let board = &plan.board;
    let model = plan.network.nic.as_ref();
    let Some(card) = board.nics.iter().find(|nic| Some(&nic.model) == model) else {
        return BTreeSet::new();
    };
    let wanted = Values::parse(&card.options);
    let wanted: BTreeSet<&str> = wanted
        .iter()
        .filter(|(_, value)| *value == "y")
        .map(|(name, _)| name)
        .collect();
    let (linux, config) = (ingredients.linux(), ingredients.config());
    let all = makefiles::objects(&linux.tree, board.arch, &config.text).reasons;
    let drives = |options: &[String]| {
        let own = options.last();
        own.is_some_and(|own| wanted.contains(own.as_str()))
    };
    all.into_iter()
        .filter(|(path, reason)| path.starts_with(DRIVERS) && drives(&reason.options))
        .map(|(path, _)| path)
        .collect()
}
