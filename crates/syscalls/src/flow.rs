//! Where the number of a system call comes from: from the call backwards, over
//! jumps and over calls of the function that it is in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::image::{Image, Machine};
use super::step::{Code, Convention, Flow, Listing, Origin, Place, Step};
use super::{aarch64, arm, x86};

mod executed;

/// More states than this are more than any compiler's code asks for.
const STATES_LIMIT: usize = 20_000;

/// A distance is loaded so many instructions before it is added, at most.
const NEAR: usize = 64;

/// No kernel has a system call of this number.
pub(crate) const NUMBERS_LIMIT: u64 = 0x800;

/// A program's code, with all ways that lead to each instruction.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    image: &'a Image,
    convention: &'static Convention,
    steps: Vec<Step>,
    index: HashMap<u64, usize>,
    from: HashMap<usize, Vec<(usize, Way)>>,
    taken: HashSet<u64>,
    called: HashSet<u64>,
    /// Whether others can call its functions by name, and which isn't known.
    exported: bool,
    /// Why nothing can be said of the program.
    pub unread: Option<String>,
}

/// How control comes from one instruction to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is the next.
    On,
    /// A jump.
    Jump,
    /// It is the next behind a call.
    Back,
    /// A call.
    Call,
}

/// What a number can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// All that it can be, as far as known.
    pub known: BTreeSet<u64>,
    /// Where it is from elsewhere, and why that isn't known.
    pub unknown: BTreeMap<u64, &'static str>,
}

/// What is done to a value between where it is looked for and the call: the
/// low byte is set, then a number is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Change {
    low: Option<u8>,
    add: i64,
}

/// A place before an instruction is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    step: usize,
    place: Place,
    change: Change,
    /// A condition that is known not to hold.
    not: Option<u8>,
}

impl<'a> Graph<'a> {
    /// Of a program.
    pub(crate) fn of(image: &'a Image) -> Graph<'a> {
        let (convention, listing) = match image.machine {
            Machine::I386 => (&x86::I386, x86::listing(image)),
            Machine::X86_64 => (&x86::X86_64, x86::listing(image)),
            Machine::Aarch64 => (&aarch64::AARCH64, aarch64::listing(image)),
            Machine::Arm => (&arm::ARM, arm::listing(image)),
        };
        let taken = taken(image, &listing);
        let Listing {
            steps,
            unread,
            sums,
            literals,
            loads,
            tables,
            ..
        } = listing;
        let index = steps.iter().enumerate();
        let index: HashMap<u64, usize> = index.map(|(at, step)| (step.at, at)).collect();
        let called = steps.iter().filter_map(|step| match step.flow {
            Flow::Call(to) => Some(to),
            _ => None,
        });
        let mut graph = Graph {
            image,
            convention,
            called: called.collect(),
            steps,
            index,
            from: HashMap::new(),
            taken,
            exported: image.shared,
            unread,
        };
        graph.connect();
        graph.take_sums(&sums, &literals);
        if image.machine == Machine::X86_64 {
            graph.take_distances(&loads, &tables);
        }
        graph
    }

    /// The instructions that call the kernel.
    pub(crate) fn sites(&self) -> impl Iterator<Item = u64> + '_ {
        let sites = self.steps.iter().enumerate();
        let sites = sites.filter(|(_, step)| step.flow == Flow::Site);
        sites
            .filter(|(index, _)| !self.is_own_entry(*index))
            .map(|(_, step)| step.at)
    }

    /// What the number of a site can be.
    pub(crate) fn numbers(&self, site: u64) -> Values {
        let Some(step) = self.index.get(&site).map(|at| &self.steps[*at]) else {
            return Values::default();
        };
        if let Code::Arm(code) = step.code
            && let Some(number) = arm::old_number(code)
        {
            let known = BTreeSet::from([number]);
            return Values {
                known,
                ..Values::default()
            };
        }
        self.values(site, Place::Register(self.convention.number))
    }

    /// What the first argument of a function can be.
    pub(crate) fn first_arguments(&self, function: u64) -> Values {
        self.values(function, self.convention.first_argument)
    }

    fn is_own_entry(&self, index: usize) -> bool {
        let step = &self.steps[index];
        let next = self.steps.get(index + 1).map(|next| &next.code);
        let alone = !self.from.contains_key(&index);
        self.image.machine == Machine::I386 && alone && x86::is_own_entry(&step.code, next)
    }

    fn connect(&mut self) {
        let mut from: HashMap<usize, Vec<(usize, Way)>> = HashMap::new();
        let mut lead = |to: u64, source: usize, way: Way| {
            if let Some(to) = self.index.get(&to) {
                from.entry(*to).or_default().push((source, way));
            }
        };
        for (source, step) in self.steps.iter().enumerate() {
            let is_function = self.called.contains(&step.next);
            match &step.flow {
                Flow::Next | Flow::Site => lead(step.next, source, Way::On),
                Flow::Jump(to) => lead(*to, source, Way::Jump),
                Flow::Branch(to) => {
                    lead(*to, source, Way::Jump);
                    lead(step.next, source, Way::On);
                }
                Flow::Table(entries, falls) => {
                    entries.iter().for_each(|to| lead(*to, source, Way::Jump));
                    if *falls {
                        lead(step.next, source, Way::On);
                    }
                }
                Flow::Call(to) => {
                    lead(*to, source, Way::Call);
                    // A call that doesn't come back ends its function.
                    if !is_function || *to == step.next {
                        lead(step.next, source, Way::Back);
                    }
                }
                Flow::CallAny if !is_function => lead(step.next, source, Way::Back),
                Flow::CallAny | Flow::End => {}
            }
        }
        self.from = from;
    }

    /// Takes the addresses that are sums of an instruction's own and a distance,
    /// and those that stand among the instructions. A word there that is seen
    /// to be a distance is no address.
    fn take_sums(&mut self, sums: &[(u64, u8, u64)], literals: &[u64]) {
        let mut distances = HashSet::new();
        for (at, register, base) in sums {
            let mut values = self.values(*at, Place::Register(*register));
            if let Some((from, why)) = values.unknown.first_key_value() {
                let why = format!("an address of code is computed at {at:#x}, {why}: {from:#x}");
                values.known.extend(self.loaded_nearby(*at, *register));
                if values.known.is_empty() {
                    self.unread.get_or_insert(why);
                }
            }
            let sums = values.known.iter();
            let sums = sums.map(|value| base.wrapping_add(*value) & 0xffff_ffff);
            self.taken.extend(sums.filter(|at| self.image.is_code(*at)));
            distances.extend(values.known);
        }
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for literal in literals.iter().filter(|at| self.image.is_code(**at)) {
            *counts.entry(*literal).or_default() += 1;
        }
        let addresses = counts.into_iter();
        let addresses = addresses.filter(|(at, count)| *count > 1 || !distances.contains(at));
        self.taken.extend(addresses.map(|(at, _)| at));
    }

    /// Takes what tables of distances lead to: those whose entries are seen to be
    /// loaded, or whatever can be one where a jump goes by a table that isn't known.
    fn take_distances(&mut self, loads: &[(u64, u8, bool)], tables: &[u64]) {
        let mut known: BTreeSet<u64> = BTreeSet::new();
        for (at, register, jumps) in loads {
            let values = self.values(*at, Place::Register(*register));
            if *jumps && !values.unknown.is_empty() {
                known.extend(tables);
            }
            known.extend(values.known);
        }
        let image = self.image;
        for table in known.iter().filter(|table| image.is_constant(**table)) {
            // The next table's entries count from there.
            let next = known.range(table + 1..).next();
            let entries = next.map_or(u64::MAX, |next| (next - table) / 4);
            let entries = usize::try_from(entries).unwrap_or(usize::MAX);
            self.taken
                .extend(distances(image, *table, *table).take(entries));
        }
    }

    /// All distances that the instructions before one load into a register:
    /// what calls between them leave alone isn't always known.
    fn loaded_nearby(&self, at: u64, register: u8) -> Vec<u64> {
        let Some(index) = self.index.get(&at) else {
            return Vec::new();
        };
        let near = &self.steps[index.saturating_sub(NEAR)..*index];
        let place = Place::Register(register);
        let loaded = near.iter().filter_map(|step| match step.code {
            Code::Arm(code) => match arm::origin(self.image, (step.at, code), place) {
                Origin::Constant(value) => Some(value),
                _ => None,
            },
            Code::X86(_) | Code::A64(_) => None,
        });
        loaded.collect()
    }

    fn values(&self, at: u64, place: Place) -> Values {
        let mut values = Values::default();
        let Some(step) = self.index.get(&at) else {
            values.unknown.insert(at, "no instruction begins there");
            return values;
        };
        // What is asked for is asked for where the instruction is executed.
        let not = match self.steps[*step].code {
            Code::Arm(code) => arm::conditional(code).map(|condition| condition ^ 1),
            Code::X86(_) | Code::A64(_) => None,
        };
        let mut queue = vec![State {
            step: *step,
            place,
            change: Change::default(),
            not,
        }];
        let mut seen: HashSet<State> = queue.iter().copied().collect();
        while let Some(state) = queue.pop() {
            for before in self.before(state, &mut values) {
                if seen.insert(before) {
                    queue.push(before);
                }
            }
            if seen.len() > STATES_LIMIT {
                values.unknown.insert(at, "too many ways lead there");
                break;
            }
        }
        values
    }

    /// The states before a state; what is found is noted.
    fn before(&self, state: State, values: &mut Values) -> Vec<State> {
        let step = &self.steps[state.step];
        let ways = self.from.get(&state.step).map_or(&[][..], Vec::as_slice);
        if self.is_entered_from_elsewhere(step) {
            state
                .change
                .unknown(values, step.at, "it is reached by a pointer");
            return Vec::new();
        }
        if ways.is_empty() {
            if !self.is_padding(step) {
                state
                    .change
                    .unknown(values, step.at, "nobody is seen to come there");
            }
            return Vec::new();
        }
        let mut before = Vec::new();
        for (source, way) in ways {
            self.cross(state, (*source, *way), values, &mut before);
        }
        before
    }

    fn is_entered_from_elsewhere(&self, step: &Step) -> bool {
        self.taken.contains(&step.at) || step.at == self.image.entry || self.is_exported(step.at)
    }

    fn is_exported(&self, at: u64) -> bool {
        self.exported && self.called.contains(&at)
    }

    fn is_padding(&self, step: &Step) -> bool {
        match step.code {
            Code::X86(code) => x86::is_padding(&code),
            Code::Arm(code) => arm::is_padding(code),
            Code::A64(code) => aarch64::is_padding(code),
        }
    }

    /// Goes back over one way.
    fn cross(
        &self,
        state: State,
        (source, way): (usize, Way),
        values: &mut Values,
        before: &mut Vec<State>,
    ) {
        let step = &self.steps[source];
        let at = State {
            step: source,
            ..state
        };
        match way {
            Way::Back => {
                if self.over_call(step, state.place) {
                    before.push(State { not: None, ..at })
                } else {
                    state
                        .change
                        .unknown(values, step.at, "a function gives it back")
                }
            }
            Way::Call => match state.place {
                Place::Register(_) => before.push(State { not: None, ..at }),
                Place::Stack(offset) if offset >= self.convention.return_address => {
                    let place = Place::Stack(offset - self.convention.return_address);
                    before.push(State {
                        place,
                        not: None,
                        ..at
                    });
                }
                Place::Stack(_) => {
                    state
                        .change
                        .unknown(values, step.at, "it is a return address");
                }
            },
            Way::On | Way::Jump if step.flow == Flow::Site => {
                let spoiled = |r: &u8| state.place == Place::Register(*r);
                if self.convention.spoiled.iter().any(spoiled) {
                    state
                        .change
                        .unknown(values, step.at, "the kernel gives it back")
                } else {
                    before.push(State { not: None, ..at })
                }
            }
            Way::On | Way::Jump => match self.compared(source, way, state.place) {
                Some(value) => self.found(state.change, value, values),
                None => self.over(at, way, values, before),
            },
        }
    }

    /// What a register holds where a branch goes this way: the instruction before
    /// it has compared it with a number, and it is equal. Compilers use that a
    /// register is zero there.
    fn compared(&self, branch: usize, way: Way, place: Place) -> Option<u64> {
        let (step, before) = (self.steps.get(branch)?, branch.checked_sub(1)?);
        let (Code::X86(code), Place::Register(register)) = (step.code, place) else {
            return None;
        };
        let ways = self.from.get(&branch).map_or(&[][..], Vec::as_slice);
        let alone = *ways == [(before, Way::On)] && !self.is_entered_from_elsewhere(step);
        if !alone || x86::goes_when_equal(&code)? != (way == Way::Jump) {
            return None;
        }
        match self.steps[before].code {
            Code::X86(code) => x86::compared(&code, register),
            Code::Arm(_) | Code::A64(_) => None,
        }
    }

    /// Whether a call leaves a place as it was.
    fn over_call(&self, step: &Step, place: Place) -> bool {
        let Flow::Call(to) = step.flow else {
            return self.is_preserved(place);
        };
        // It only tells where it is.
        let told = self.index.get(&to).and_then(|first| {
            let second = self.steps.get(first + 1)?;
            x86::told_address(&self.steps[*first].code, &second.code)
        });
        match told {
            Some(register) => place != Place::Register(register),
            None => self.is_preserved(place),
        }
    }

    fn is_preserved(&self, place: Place) -> bool {
        let is = |r: &u8| place == Place::Register(*r);
        self.convention.preserved.iter().any(is)
    }

    /// Goes back over an ordinary instruction.
    fn over(&self, state: State, way: Way, values: &mut Values, before: &mut Vec<State>) {
        let step = &self.steps[state.step];
        let not = if way == Way::On { state.not } else { None };
        let (origin, not) = match step.code {
            Code::X86(code) => (x86::origin(&code, state.place), None),
            Code::Arm(code) => {
                let origin = arm::origin(self.image, (step.at, code), state.place);
                under_condition(code, origin, state.place, not)
            }
            Code::A64(code) => (
                aarch64::origin(self.image, (step.at, code), state.place),
                None,
            ),
        };
        let mut go = |place: Place, change: Change, not: Option<u8>| {
            before.push(State {
                place,
                change,
                not,
                ..state
            });
        };
        let mut origin = origin;
        if let Origin::If(inner, place) = origin {
            let failed = match step.code {
                Code::Arm(code) => arm::conditional(code),
                Code::X86(_) | Code::A64(_) => None,
            };
            go(place, state.change, failed);
            origin = *inner;
        }
        match origin {
            Origin::Constant(value) => self.found(state.change, value, values),
            Origin::Of(place, add) => match state.change.after_adding(add) {
                Some(change) => go(place, change, not),
                None => state.change.unknown(values, step.at, "it is computed"),
            },
            Origin::LowByte(low, place) => go(place, state.change.after_low(low), not),
            Origin::If(..) | Origin::Unknown => {
                state
                    .change
                    .unknown(values, step.at, "it is computed or loaded");
            }
        }
    }

    fn found(&self, change: Change, value: u64, values: &mut Values) {
        let value = match change.low {
            Some(low) => value & !0xff | u64::from(low),
            None => value,
        };
        let value = value.wrapping_add_signed(change.add);
        values.known.insert(match self.image.machine {
            Machine::X86_64 | Machine::Aarch64 => value,
            Machine::I386 | Machine::Arm => value & 0xffff_ffff,
        });
    }
}

/// What a condition makes of an origin. Of two instructions with opposite
/// conditions one is executed.
fn under_condition(
    code: u32,
    origin: Origin,
    place: Place,
    not: Option<u8>,
) -> (Origin, Option<u8>) {
    if let Some(condition) = arm::conditional(code)
        && arm::leaves(code)
    {
        return (Origin::Of(place, 0), Some(condition));
    }
    let untouched = origin == Origin::Of(place, 0);
    let not_before = if arm::sets_flags(code) { None } else { not };
    let Some(condition) = arm::conditional(code) else {
        return (origin, not_before);
    };
    match not {
        _ if untouched => (origin, not_before),
        Some(not) if not == condition => (Origin::Of(place, 0), not_before),
        Some(not) if not == condition ^ 1 => (origin, not_before),
        _ => (Origin::If(Box::new(origin), place), None),
    }
}

impl Change {
    fn after_adding(self, add: i64) -> Option<Change> {
        match (self.low, add) {
            (_, 0) => Some(self),
            (None, _) => Some(Change {
                low: None,
                add: self.add.checked_add(add)?,
            }),
            (Some(_), _) => None,
        }
    }

    fn after_low(self, low: u8) -> Change {
        Change {
            low: self.low.or(Some(low)),
            ..self
        }
    }

    /// Nothing is known of a value but its low byte, perhaps: then it is one of
    /// few.
    fn unknown(self, values: &mut Values, at: u64, why: &'static str) {
        let Some(low) = self.low else {
            values.unknown.insert(at, why);
            return;
        };
        let all = (0..NUMBERS_LIMIT).step_by(0x100);
        let all = all.map(|high| (high | u64::from(low)).wrapping_add_signed(self.add));
        values.known.extend(all.map(|value| value & 0xffff_ffff));
    }
}

/// All addresses that instructions or data name: what is there may be jumped to
/// from anywhere.
fn taken(image: &Image, listing: &Listing) -> HashSet<u64> {
    let mut numbers: HashSet<u64> = listing.taken.iter().copied().collect();
    let wide = matches!(image.machine, Machine::X86_64 | Machine::Aarch64);
    for piece in image.pieces.iter().filter(|piece| !piece.code) {
        let mut at = piece.at.next_multiple_of(4);
        while let Some(word) = image.word(at, if wide { 8 } else { 4 }) {
            numbers.insert(word);
            at += 4;
        }
    }
    let mut taken = numbers;
    let cut = |number: u64| if wide { number } else { number & 0xffff_ffff };
    for base in &listing.bases {
        let sums = listing
            .taken
            .iter()
            .map(|number| cut(base.wrapping_add(*number)));
        taken.extend(sums);
    }
    let relative = listing.bases.iter().flat_map(|base| {
        let tables = listing.tables.iter();
        tables.map(|table| (cut(base.wrapping_add(*table)), *base))
    });
    for (table, base) in relative.filter(|(table, _)| image.is_constant(*table)) {
        taken.extend(distances(image, table, base));
    }
    taken.retain(|at| image.is_code(*at));
    taken
}

/// What the entries of a table lead to, as distances from a base. It ends where
/// they are no addresses of code any more.
fn distances(image: &Image, table: u64, base: u64) -> impl Iterator<Item = u64> {
    let cut = |number: u64| match image.machine {
        Machine::X86_64 | Machine::Aarch64 => number,
        Machine::I386 | Machine::Arm => number & 0xffff_ffff,
    };
    let entries = (0..).map_while(move |n| image.word(table + 4 * n, 4));
    let targets =
        entries.map(move |word| cut(base.wrapping_add_signed(i64::from(word as u32 as i32))));
    targets.take_while(|target| image.is_code(*target))
}
