//! Pruning itself, and what is said about it.

use std::collections::BTreeMap;

use super::error::PruneError;
use super::function::{FunctionIndex, Parts};
use super::live::Live;
use super::piece::Cut;
use super::program::Program;
use super::pruned::{Fate, KindBytes, Pruned, Report};
use super::rewrite;
use super::sections::{self, Kind};
use super::wish::{Verdict, Wish};

impl Program {
    /// Removes what the wish doesn't keep.
    pub fn prune(&self, wish: &Wish) -> Result<Pruned, PruneError> {
        self.check_gaps(&wish.gaps)?;
        let live = Live::find(self, wish);
        let (objects, traps) = rewrite::rewrite(self, &live, wish)?;
        let mut report = Report {
            functions: Vec::new(),
            kinds: self.bytes_by_kind(&live),
        };
        for (index, spot) in self.places.iter().enumerate() {
            let verdict = wish.verdicts.get(index).copied().unwrap_or_default();
            let stays = live.pieces[spot.piece as usize];
            let cold = live.cold[spot.piece as usize];
            report.functions.push(match (stays, verdict) {
                (true, _) if cold => Fate::Cold,
                (true, Verdict::Keep) => Fate::Kept,
                (true, Verdict::Allow | Verdict::Cold) => Fate::Reached,
                (true, Verdict::Trap) => Fate::Forced,
                (false, _) => Fate::Removed,
            });
        }
        for trap in &traps {
            report.functions[trap.function.0 as usize] = Fate::Trapped;
        }
        for (fate, called) in report.functions.iter_mut().zip(&live.called) {
            if *called && *fate == Fate::Removed {
                *fate = Fate::Trapped;
            }
        }
        Ok(Pruned {
            objects,
            traps,
            gaps: self.gaps_that_went(&live, wish),
            report,
        })
    }

    fn gaps_that_went(&self, live: &Live, wish: &Wish) -> Parts {
        let stays = |index: &FunctionIndex| {
            let spot = self.places[index.0 as usize];
            live.pieces[spot.piece as usize]
        };
        let gaps = wish.gaps.iter().filter(|(index, _)| stays(index));
        gaps.map(|(index, parts)| (*index, parts.clone())).collect()
    }

    fn bytes_by_kind(&self, live: &Live) -> BTreeMap<String, KindBytes> {
        let mut kinds = BTreeMap::<String, KindBytes>::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            let facts = &self.units[piece.unit as usize].sections[piece.section as usize];
            let section = &self.units[piece.unit as usize].object.sections[piece.section as usize];
            let name = match facts.kind {
                Kind::Attributes | Kind::Discarded => continue,
                Kind::Code if live.cold[number] => "cold code",
                _ if live.cold[number] => "cold data",
                Kind::Code => "code",
                Kind::SharedCode => "code of several functions",
                Kind::Snippets => "parts of functions",
                Kind::Merged => "strings and constants",
                Kind::Linked => "unwind tables",
                Kind::Root => "roots",
                Kind::Table(..) => section.name.as_str(),
                Kind::Data => sections::output_name(section),
            };
            let bytes = kinds.entry(name.to_owned()).or_default();
            bytes.before += piece.end - piece.start;
            let of_section = |p: u32| live.pieces[p as usize];
            if live.pieces[number] {
                let filled = live.filled_of(number as u32);
                bytes.after += piece.end - piece.start - filled;
                bytes.filled += filled;
            } else if facts.cut == Cut::Filled && facts.pieces.clone().any(of_section) {
                bytes.filled += piece.end - piece.start;
            }
        }
        kinds
    }
}
