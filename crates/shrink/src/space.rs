//! What can be changed: a fixed set of changes, and which fall with which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Duration;

/// Names a change of one [`Space`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(u32);

impl ChangeId {
    /// The place in the order of [`Space::add`], from 0: an executor keeps what
    /// the change means to it in a table of its own.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One way to take a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Its content, such as the value of an option. Goes into identities.
    pub key: String,
    /// Predicted gain in bytes of the payload.
    pub gain_bytes: u64,
}

/// Something that may be done to the system to make it smaller.
///
/// The search knows nothing of its meaning: the key stands for the content,
/// the figures say what to try first.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its content, unique in the space, such as an option's name. Goes into
    /// identities, so it must mean the same in every run.
    pub key: String,
    /// What people read.
    pub label: String,
    /// What it belongs to, such as `constants` or `applets`. Passes may be
    /// limited to groups.
    pub group: String,
    /// The ways to take it, at least one. The last is the one to hope for.
    pub alternatives: Vec<Alternative>,
    /// Whether the alternatives go from the mildest to the hardest, so that
    /// one that fails lets expect the same of those behind it: a number to be
    /// made small. Else they are tried one by one.
    pub ordered: bool,
    /// Predicted time of a trial that takes this change alone.
    pub trial_time: Duration,
    /// Predicted probability that the change is not possible, 0 to 1, where
    /// something is known of it (a trace, an earlier search). `None`: the
    /// search estimates it as it goes.
    pub risk: Option<f64>,
}

impl Change {
    /// A change with one way to take it, `off`: the removal of an option, an
    /// applet, a function.
    #[must_use]
    pub fn removal(key: impl Into<String>, gain_bytes: u64) -> Self {
        let key = key.into();
        Self {
            label: key.clone(),
            key,
            group: String::new(),
            alternatives: vec![Alternative {
                key: "off".into(),
                gain_bytes,
            }],
            ordered: false,
            trial_time: Duration::from_secs(1),
            risk: None,
        }
    }

    /// The same change, as one of this group.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// The gain of the alternative to hope for.
    #[must_use]
    pub fn gain_bytes(&self) -> u64 {
        self.alternatives.last().map_or(0, |last| last.gain_bytes)
    }
}

/// Why a change can't be added to a space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// Two changes with one key.
    #[error("the change {0} is there already")]
    Twice(String),
    /// A change that nothing can be done with.
    #[error("the change {0} has no alternatives")]
    NoAlternatives(String),
    /// More alternatives than a candidate can name.
    #[error("the change {0} has more than 65,535 alternatives")]
    TooManyAlternatives(String),
    /// A risk that is no probability.
    #[error("the risk of the change {0} is not between 0 and 1")]
    Risk(String),
}

/// All changes that a search may make.
#[derive(Clone, Debug)]
pub struct Space {
    context: String,
    changes: Vec<Change>,
    by_key: BTreeMap<String, ChangeId>,
    dependants: Vec<Vec<ChangeId>>,
    dependencies: Vec<Vec<ChangeId>>,
    /// Found out when it is first asked for.
    order: OnceLock<Vec<ChangeId>>,
}

impl Space {
    /// A space without changes. `context` is the identity of all that is the
    /// same in every trial (the system to begin with, the checks, the tools):
    /// what was learnt in one context says nothing in another.
    #[must_use]
    pub fn new(context: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            changes: Vec::new(),
            by_key: BTreeMap::new(),
            dependants: Vec::new(),
            dependencies: Vec::new(),
            order: OnceLock::new(),
        }
    }

    /// Adds a change.
    ///
    /// # Errors
    ///
    /// When its key is taken or it has no alternatives.
    pub fn add(&mut self, change: Change) -> Result<ChangeId, SpaceError> {
        if self.by_key.contains_key(&change.key) {
            return Err(SpaceError::Twice(change.key));
        }
        if change.alternatives.is_empty() {
            return Err(SpaceError::NoAlternatives(change.key));
        }
        if change.alternatives.len() > usize::from(u16::MAX) {
            return Err(SpaceError::TooManyAlternatives(change.key));
        }
        if change.risk.is_some_and(|risk| !(0.0..=1.0).contains(&risk)) {
            return Err(SpaceError::Risk(change.key));
        }
        let id = ChangeId(self.changes.len() as u32);
        self.by_key.insert(change.key.clone(), id);
        self.changes.push(change);
        self.dependants.push(Vec::new());
        self.dependencies.push(Vec::new());
        self.order.take();
        Ok(id)
    }

    /// Says that `dependant` can't do without what `of` takes away: who takes
    /// `of` takes `dependant` as well, and where `dependant` must stay, so must
    /// `of`. Only for what holds in every configuration; cycles do no harm.
    pub fn falls_with(&mut self, dependant: ChangeId, of: ChangeId) {
        if dependant != of && !self.dependants[of.index()].contains(&dependant) {
            self.dependants[of.index()].push(dependant);
            self.dependencies[dependant.index()].push(of);
            self.order.take();
        }
    }

    /// What all trials have in common.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// All changes in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = ChangeId> + use<> {
        (0..self.changes.len() as u32).map(ChangeId)
    }

    /// One change.
    ///
    /// # Panics
    ///
    /// When the id is of another, larger space.
    #[must_use]
    pub fn change(&self, id: ChangeId) -> &Change {
        &self.changes[id.index()]
    }

    /// The change with this key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<ChangeId> {
        self.by_key.get(key).copied()
    }

    /// What falls directly with a change.
    #[must_use]
    pub fn dependants(&self, id: ChangeId) -> &[ChangeId] {
        &self.dependants[id.index()]
    }

    /// What a change falls with directly.
    #[must_use]
    pub fn dependencies(&self, id: ChangeId) -> &[ChangeId] {
        &self.dependencies[id.index()]
    }

    /// All that goes when these go: they, and what falls with them.
    pub(crate) fn falling_with(&self, taken: &[ChangeId]) -> BTreeSet<ChangeId> {
        reach(taken, &self.dependants)
    }

    /// All that must stay when these must: they, and what they fall with.
    #[must_use]
    pub fn held_by(&self, kept: &[ChangeId]) -> BTreeSet<ChangeId> {
        reach(kept, &self.dependencies)
    }

    /// The order in which a search goes through the changes: dependants before
    /// what they fall with, each family together, and the families by
    /// predicted bytes per second of trial.
    #[must_use]
    pub fn order(&self) -> Vec<ChangeId> {
        self.order.get_or_init(|| Order::new(self).run()).clone()
    }
}

/// All that is reached from some changes along edges, they included.
fn reach(from: &[ChangeId], edges: &[Vec<ChangeId>]) -> BTreeSet<ChangeId> {
    let mut seen: BTreeSet<ChangeId> = from.iter().copied().collect();
    let mut open: Vec<ChangeId> = seen.iter().copied().collect();
    while let Some(id) = open.pop() {
        for &next in &edges[id.index()] {
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

/// A depth-first walk with the dependants first. Families stay together, so
/// that one trial takes a whole subsystem and what is needed stands in few
/// groups.
struct Order<'s> {
    space: &'s Space,
    /// Predicted bytes and seconds of a change with all that falls with it.
    families: Vec<Option<(u64, f64)>>,
    placed: Vec<bool>,
    order: Vec<ChangeId>,
}

impl<'s> Order<'s> {
    fn new(space: &'s Space) -> Self {
        Self {
            space,
            families: vec![None; space.len()],
            placed: vec![false; space.len()],
            order: Vec::with_capacity(space.len()),
        }
    }

    fn run(mut self) -> Vec<ChangeId> {
        let roots: Vec<ChangeId> = self
            .space
            .ids()
            .filter(|&id| self.space.dependencies(id).is_empty())
            .collect();
        for root in self.by_density(roots) {
            self.place(root);
        }
        // What is left stands on a cycle that no root leads to.
        for id in self.space.ids() {
            self.place(id);
        }
        self.order
    }

    fn by_density(&mut self, mut ids: Vec<ChangeId>) -> Vec<ChangeId> {
        let mut density = BTreeMap::new();
        for &id in &ids {
            let (bytes, seconds) = self.family(id);
            density.insert(id, bytes as f64 / seconds.max(1e-9));
        }
        ids.sort_by(|a, b| density[b].total_cmp(&density[a]).then(a.cmp(b)));
        ids
    }

    fn family(&mut self, id: ChangeId) -> (u64, f64) {
        if let Some(known) = self.families[id.index()] {
            return known;
        }
        let mut sum = (0, 0.0);
        for member in reach(&[id], &self.space.dependants) {
            let change = self.space.change(member);
            sum.0 += change.gain_bytes();
            sum.1 += change.trial_time.as_secs_f64();
        }
        self.families[id.index()] = Some(sum);
        sum
    }

    /// Without recursion: a chain may be as long as the space.
    fn place(&mut self, root: ChangeId) {
        let mut stack = vec![(root, false)];
        while let Some((id, entered)) = stack.pop() {
            if entered {
                self.order.push(id);
                continue;
            }
            if std::mem::replace(&mut self.placed[id.index()], true) {
                continue;
            }
            stack.push((id, true));
            let dependants: Vec<ChangeId> = self.space.dependants(id).to_vec();
            let dependants = self.by_density(dependants);
            stack.extend(dependants.into_iter().rev().map(|next| (next, false)));
        }
    }
}
