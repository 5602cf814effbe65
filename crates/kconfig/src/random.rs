//! `randconfig`, with the same numbers as the kernel's `conf` gets from the C
//! library, so that a seed means the same configuration on both sides.

use crate::eval::Configuration;
use crate::expr::SymbolId;
use crate::model::{Dialect, Kconfig, SymbolKind, SymbolType};
use crate::tristate::Tristate;
use crate::user::ChoiceRequest;

/// The additive feedback generator behind `rand()` in the GNU C library: each
/// number is the sum of those 3 and 31 steps back.
struct Generator {
    state: [u32; 31],
    front: usize,
    rear: usize,
}

impl Generator {
    fn new(seed: u32) -> Self {
        let mut state = [0_u32; 31];
        let mut word = if seed == 0 { 1 } else { i64::from(seed as i32) };
        for (index, slot) in state.iter_mut().enumerate() {
            if index > 0 {
                word = (16_807 * word) % 2_147_483_647;
                if word < 0 {
                    word += 2_147_483_647;
                }
            }
            *slot = word as u32;
        }
        let mut generator = Self {
            state,
            front: 3,
            rear: 0,
        };
        for _ in 0..310 {
            generator.next();
        }
        generator
    }

    fn next(&mut self) -> u32 {
        let sum = self.state[self.front].wrapping_add(self.state[self.rear]);
        self.state[self.front] = sum;
        self.front = (self.front + 1) % 31;
        self.rear = (self.rear + 1) % 31;
        sum >> 1
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound.max(1)
    }
}

impl<'k> Configuration<'k> {
    /// `randconfig` with a seed, as `KCONFIG_SEED` gives it. `given` is the
    /// text of the file that `KCONFIG_ALLCONFIG` names.
    #[must_use]
    pub fn randconfig(tree: &'k Kconfig, seed: u32, given: Option<&str>) -> Self {
        let mut configuration = Self::unevaluated(tree);
        if let Some(text) = given {
            configuration.read(text);
        }
        let mut numbers = Generator::new(seed);
        match tree.dialect {
            Dialect::Linux6_12 => configuration.randomize_6_12(&mut numbers),
            Dialect::Linux6_1 => configuration.randomize_6_1(&mut numbers),
        }
        configuration.evaluate();
        configuration
    }

    fn random_value(ty: SymbolType, numbers: &mut Generator) -> Tristate {
        let number = numbers.below(100);
        match ty {
            SymbolType::Tristate if number < 33 => Tristate::Yes,
            SymbolType::Tristate if number < 66 => Tristate::Mod,
            SymbolType::Bool if number < 50 => Tristate::Yes,
            _ => Tristate::No,
        }
    }

    fn randomize_6_12(&mut self, numbers: &mut Generator) {
        let tree = self.tree;
        for entry in tree.entry_ids() {
            let entry = tree.entry(entry);
            let Some(symbol) = entry.symbol else { continue };
            let definition = tree.symbol(symbol);
            if entry.prompt.is_none()
                || !definition.ty.is_logical()
                || definition.in_choice
                || self.user.get(symbol).is_some()
            {
                continue;
            }
            if definition.is_choice() {
                self.randomize_members(symbol, numbers);
            } else {
                let value = Self::random_value(definition.ty, numbers);
                self.user.fill(symbol, value);
            }
        }
    }

    /// Brings the members into a random order, by setting one after the other
    /// to `y`, each behind those before.
    fn randomize_members(&mut self, choice: SymbolId, numbers: &mut Generator) {
        let mut open: Vec<SymbolId> = self.tree.symbol(choice).members.clone();
        open.retain(|&member| self.user.get(member).is_none());
        while !open.is_empty() {
            let member = open.remove(numbers.below(open.len() as u32) as usize);
            self.user.fill_last(member, Tristate::Yes);
        }
    }

    fn randomize_6_1(&mut self, numbers: &mut Generator) {
        let tree = self.tree;
        let order = tree.hash_order();
        for &symbol in &order {
            let definition = tree.symbol(symbol);
            let has_value = match definition.kind {
                SymbolKind::Choice => self.user.choice(symbol).is_some(),
                _ => self.user.get(symbol).is_some(),
            };
            if has_value || !definition.ty.is_logical() {
                continue;
            }
            let value = Self::random_value(definition.ty, numbers);
            // A choice takes its number, too, but is left to its members.
            if !definition.is_choice() {
                self.user.fill(symbol, value);
            }
        }
        let choices: Vec<SymbolId> = order
            .into_iter()
            .filter(|&symbol| tree.symbol(symbol).is_choice())
            .collect();
        self.evaluate();
        loop {
            let mut picked = false;
            for &choice in &choices {
                if self.user.choice(choice).is_none() && self.pick_6_1(choice, numbers) {
                    picked = true;
                    // Later choices depend on what was picked.
                    let members = tree.symbol(choice).members.iter().copied();
                    self.propagate(members.chain([choice]), &mut Vec::new());
                }
            }
            if !picked {
                break;
            }
        }
    }

    /// For a choice that is `y`: one member at random.
    fn pick_6_1(&mut self, choice: SymbolId, numbers: &mut Generator) -> bool {
        let members = &self.tree.symbol(choice).members;
        if self.tristate(choice) != Tristate::Yes || members.is_empty() {
            return false;
        }
        let pick = members[numbers.below(members.len() as u32) as usize];
        for &member in members {
            self.user.fill(member, Tristate::from(member == pick));
        }
        let request = ChoiceRequest {
            value: Tristate::Yes,
            pick: Some(pick),
        };
        self.user.fill_choice(choice, request);
        true
    }
}

impl Kconfig {
    /// All symbols but `y`, `m` and `n`, in the order in which 6.1's `conf`
    /// has them in its hash table.
    pub(crate) fn hash_order(&self) -> Vec<SymbolId> {
        const BUCKETS: u32 = 9_973;
        let bucket = |symbol: &SymbolId| {
            let definition = self.symbol(*symbol);
            if definition.is_choice() {
                return 0;
            }
            let hash = definition
                .name
                .bytes()
                .fold(2_166_136_261_u32, |hash, byte| {
                    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
                });
            hash % BUCKETS
        };
        // Within a bucket the newest comes first.
        let mut order: Vec<SymbolId> = self
            .symbol_ids()
            .filter(|&symbol| symbol > SymbolId::YES)
            .collect();
        order.reverse();
        order.sort_by_key(bucket);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::Generator;

    #[test]
    fn numbers_are_those_of_the_c_library() {
        // From a C program: srand(1); rand() three times; srand(42); rand().
        let mut one = Generator::new(1);
        assert_eq!(
            [one.next(), one.next(), one.next()],
            [1_804_289_383, 846_930_886, 1_681_692_777]
        );
        assert_eq!(Generator::new(42).next(), 71_876_166);
    }
}
