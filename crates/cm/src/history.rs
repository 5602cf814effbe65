//! Histories of one bit in one context: how many zeros and ones it had of late,
//! in a byte.

/// The largest count of one kind beside a smaller count of the other.
const MOST: [u8; 6] = [48, 24, 10, 6, 5, 5];

/// What histories mean and how they go on.
#[derive(Debug)]
pub(crate) struct Histories {
    /// Zeros and ones of each; (0, 0) for numbers that are none.
    pub counts: [(u8, u8); 256],
    /// The history after a zero, and after a one.
    pub next: [[u8; 256]; 2],
}

fn counted(a: u8, b: u8) -> bool {
    let most = MOST.get(usize::from(a.min(b)));
    most.is_some_and(|most| a.max(b) <= *most)
}

impl Histories {
    /// All of them, by their length and then by their zeros.
    pub(crate) fn new() -> Self {
        let pairs = (0..=48u8).flat_map(|length| (0..=length).map(move |a| (a, length - a)));
        let known: Vec<(u8, u8)> = pairs.filter(|(a, b)| counted(*a, *b)).collect();
        let mut all = Self {
            counts: [(0, 0); 256],
            next: [[0; 256]; 2],
        };
        all.counts[..known.len()].copy_from_slice(&known);
        for (index, (zeros, ones)) in known.iter().enumerate() {
            for y in [0, 1] {
                let pair = match y {
                    0 => after(*zeros, *ones),
                    _ => {
                        let (ones, zeros) = after(*ones, *zeros);
                        (zeros, ones)
                    }
                };
                let at = known.iter().position(|one| *one == pair);
                all.next[y][index] = at.unwrap_or(0) as u8;
            }
        }
        all
    }

    /// How much a history says.
    pub(crate) fn weight(&self, history: u8) -> u32 {
        let (zeros, ones) = self.counts[usize::from(history)];
        u32::from(zeros) + u32::from(ones)
    }
}

/// One more of the first kind: what lies further back counts less.
fn after(same: u8, other: u8) -> (u8, u8) {
    let mut same = same + 1;
    let mut other = match other {
        20.. => 4,
        8.. => 3,
        3.. => 2,
        few => few,
    };
    while !counted(same, other) {
        if same > other {
            same -= 1;
        } else {
            other -= 1;
        }
    }
    (same, other)
}
