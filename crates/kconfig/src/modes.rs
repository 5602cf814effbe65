//! Whole configurations, named after the kernel's make targets.

use std::io;

use crate::dotconfig::ReadWarning;
use crate::eval::Configuration;
use crate::expr::SymbolId;
use crate::model::{Dialect, Kconfig, SymbolKind, SymbolType};
use crate::tree::SourceTree;
use crate::tristate::Tristate;
use crate::user::{ChoiceRequest, UserValue};

/// What to answer for everything the user didn't mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `allnoconfig`
    No,
    /// `allyesconfig`
    Yes,
    /// `allmodconfig`
    Mod,
    /// `alldefconfig`
    Default,
}

impl<'k> Configuration<'k> {
    /// `allnoconfig` and its kin. `given` is the text of the file that
    /// `KCONFIG_ALLCONFIG` names.
    #[must_use]
    pub fn all(tree: &'k Kconfig, answer: Answer, given: Option<&str>) -> Self {
        let mut configuration = Self::unevaluated(tree);
        if let Some(text) = given {
            configuration.read(text);
        }
        let value = match answer {
            Answer::No => Some(Tristate::No),
            Answer::Yes => Some(Tristate::Yes),
            Answer::Mod => Some(Tristate::Mod),
            Answer::Default => None,
        };
        if let Some(value) = value {
            configuration.answer(value, given.is_some());
        }
        configuration.evaluate();
        configuration
    }

    fn answer(&mut self, value: Tristate, was_read: bool) {
        let tree = self.tree;
        for symbol in tree.symbol_ids() {
            let definition = tree.symbol(symbol);
            if !definition.ty.is_logical() || self.user.get(symbol).is_some() {
                continue;
            }
            match definition.kind {
                SymbolKind::Constant => {}
                SymbolKind::Option if definition.in_choice => {
                    // 6.12 leaves members to the choice; 6.1 answers them all,
                    // which counts where several may be set.
                    if tree.dialect == Dialect::Linux6_1 {
                        self.user.fill(symbol, value);
                    }
                }
                SymbolKind::Option => self.user.fill(symbol, value),
                // Reading any file gives every choice of 6.1 a value.
                SymbolKind::Choice if tree.dialect == Dialect::Linux6_1 && !was_read => {
                    self.user
                        .fill_choice(symbol, ChoiceRequest { value, pick: None });
                }
                SymbolKind::Choice => {}
            }
        }
    }

    /// `olddefconfig`: what `.config` asks for, defaults for the rest.
    #[must_use]
    pub fn olddefconfig(tree: &'k Kconfig, dotconfig: &str) -> (Self, Vec<ReadWarning>) {
        let mut configuration = Self::unevaluated(tree);
        let warnings = configuration.read(dotconfig);
        configuration.evaluate();
        let unusable = configuration.forget_unusable();
        // `conf` doesn't look again at what depends on these.
        for symbol in unusable {
            configuration.settle_alone(symbol);
        }
        (configuration, warnings)
    }

    /// `defconfig`: what the file asks for, defaults for the rest. What
    /// `savedefconfig` reads goes this way, too.
    #[must_use]
    pub fn defconfig(tree: &'k Kconfig, file: &str) -> (Self, Vec<ReadWarning>) {
        let mut configuration = Self::unevaluated(tree);
        let warnings = configuration.read(file);
        configuration.evaluate();
        if !configuration.forget_unusable().is_empty() {
            configuration.evaluate();
        }
        (configuration, warnings)
    }

    /// `tinyconfig`: `allnoconfig` with the kernel's `tiny-base.config`, then
    /// the `tiny.config` fragments merged over it.
    #[must_use]
    pub fn tinyconfig(tree: &'k Kconfig, tiny_base: &str, fragments: &[&str]) -> Self {
        let base = Self::all(tree, Answer::No, Some(tiny_base)).to_dotconfig();
        let merged = crate::fragment::merge_text(&base, fragments);
        Self::olddefconfig(tree, &merged).0
    }

    /// `tinyconfig` of a kernel, with the files it is made from read from the
    /// kernel's source: kernel/configs/tiny-base.config, and tiny.config there
    /// and in arch/`srcarch`/configs, as far as they exist.
    ///
    /// # Errors
    /// If tiny-base.config can't be read.
    pub fn kernel_tinyconfig(
        tree: &'k Kconfig,
        files: &dyn SourceTree,
        srcarch: &str,
    ) -> io::Result<Self> {
        let base = files.read("kernel/configs/tiny-base.config")?;
        let paths = [
            "kernel/configs/tiny.config".to_owned(),
            format!("arch/{srcarch}/configs/tiny.config"),
        ];
        let texts: Vec<String> = paths
            .iter()
            .filter_map(|path| files.read(path).ok())
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Ok(Self::tinyconfig(tree, &base, &texts))
    }

    /// Numbers and strings that the user may not give are forgotten in 6.1,
    /// where 6.12 moves them into their range. Gives them in the order of
    /// evaluation.
    fn forget_unusable(&mut self) -> Vec<SymbolId> {
        if self.tree.dialect == Dialect::Linux6_12 {
            return Vec::new();
        }
        let mut unusable: Vec<SymbolId> = Vec::new();
        for symbol in self.tree.hash_order() {
            let ty = self.tree.symbol(symbol).ty;
            if let Some(UserValue::Text(text)) = self.user.get(symbol).cloned()
                && matches!(ty, SymbolType::Int | SymbolType::Hex)
                && !self.is_in_range(symbol, &text)
            {
                self.user.forget(symbol);
                // What comes later may have it as a bound.
                self.settle_alone(symbol);
                unusable.push(symbol);
            }
        }
        unusable.sort_by_key(|symbol| self.tree.graph.position[symbol.index()]);
        unusable
    }
}
