//! The graph of instructions that are known to be executed: those alone lead to each
//! other, and behind a call of a function that never returns nothing goes on.

use std::collections::{HashMap, HashSet};

use super::{Graph, Values, Way};
use crate::image::Image;
use crate::step::{Code, Flow, Place, Step};
use crate::x86;

impl<'a> Graph<'a> {
    /// Of instructions that can be executed, by address: `taken` are those that are come
    /// to from elsewhere or by a pointer.
    pub(crate) fn of_steps(image: &'a Image, steps: Vec<Step>, taken: HashSet<u64>) -> Graph<'a> {
        let index = steps.iter().enumerate();
        let index = index.map(|(at, step)| (step.at, at)).collect();
        let called = steps.iter().filter_map(|step| match step.flow {
            Flow::Call(to) => Some(to),
            _ => None,
        });
        let mut graph = Graph {
            image,
            convention: &x86::X86_64,
            called: called.collect(),
            index,
            from: HashMap::new(),
            taken,
            exported: false,
            unread: None,
            steps,
        };
        graph.connect();
        graph.forget_ways_back();
        graph
    }

    /// Takes away the ways back from functions that never return.
    fn forget_ways_back(&mut self) {
        let returns = self.returning();
        let (index, steps) = (&self.index, &self.steps);
        let comes_back = |source: usize| match steps[source].flow {
            Flow::Call(to) => index.get(&to).is_none_or(|to| returns.contains(to)),
            _ => true,
        };
        for ways in self.from.values_mut() {
            ways.retain(|(source, way)| *way != Way::Back || comes_back(*source));
        }
    }

    /// The instructions from which a function can come to its return.
    fn returning(&self) -> HashSet<usize> {
        let mut returning = HashSet::new();
        let ends = |step: &Step| match step.code {
            Code::X86(code) => step.flow == Flow::End && x86::returns(&code),
            Code::Arm(_) | Code::A64(_) => false,
        };
        let all = self.steps.iter().enumerate();
        let mut open: Vec<usize> = all.filter(|(_, s)| ends(s)).map(|(n, _)| n).collect();
        // Calls behind which a return is, of functions that aren't known to return.
        let mut waiting: HashMap<usize, Vec<usize>> = HashMap::new();
        while let Some(step) = open.pop() {
            if !returning.insert(step) {
                continue;
            }
            open.extend(waiting.remove(&step).unwrap_or_default());
            for (source, way) in self.from.get(&step).map_or(&[][..], Vec::as_slice) {
                let called = match self.steps[*source].flow {
                    Flow::Call(to) if *way == Way::Back => self.index.get(&to),
                    _ => None,
                };
                match called {
                    Some(to) if !returning.contains(to) => {
                        waiting.entry(*to).or_default().push(*source);
                    }
                    _ if *way != Way::Call => open.push(*source),
                    _ => {}
                }
            }
        }
        returning
    }

    /// The instructions before one, the last first, as they stand.
    pub(crate) fn before_site(&self, site: u64, most: usize) -> Vec<&Step> {
        let at = self.index.get(&site).copied().unwrap_or_default();
        self.steps[..at].iter().rev().take(most).collect()
    }

    /// What a place can hold before an instruction.
    pub(crate) fn values_at(&self, at: u64, place: Place) -> Values {
        self.values(at, place)
    }
}
