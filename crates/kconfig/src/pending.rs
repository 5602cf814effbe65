//! Positions in the order of evaluation that are to be looked at again.

/// Positions to be looked at, taken in ascending order.
pub(crate) struct Pending {
    words: Vec<u64>,
    first: usize,
}

impl Pending {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            words: vec![0; count.div_ceil(64)],
            first: usize::MAX,
        }
    }

    pub(crate) fn add(&mut self, position: u32) {
        let word = position as usize / 64;
        self.words[word] |= 1 << (position % 64);
        self.first = self.first.min(word);
    }

    pub(crate) fn add_all_after(&mut self, position: u32) {
        let word = position as usize / 64;
        self.words[word + 1..].fill(u64::MAX);
        self.words[word] |= (u64::MAX << (position % 64)) & !(1 << (position % 64));
        self.first = self.first.min(word);
    }

    pub(crate) fn take_first(&mut self) -> Option<u32> {
        while let Some(word) = self.words.get_mut(self.first) {
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                return Some(self.first as u32 * 64 + bit);
            }
            self.first += 1;
        }
        None
    }
}
