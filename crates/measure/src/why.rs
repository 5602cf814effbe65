//! Why something is in a built kernel: the options that compiled it in, and the
//! references that lead to it.

use std::collections::HashMap;

use builder::kernel;
use kbuild::Objects;
use vmlinux::attribution::What;
use vmlinux::{Attribution, Elf, References};

use super::answer::{Kind as Asked, OptionStep, Retained, Step, Why};
use crate::bytes::{self, Bytes, Given};
use crate::error::{Error, Result};

/// A kernel with all references.
#[derive(Debug)]
pub struct Inquiry<'a> {
    elf: Elf,
    attribution: Attribution,
    references: References,
    dominators: Vec<Option<usize>>,
    objects: &'a Objects,
    /// Bytes of the image per byte of vmlinux, by section, object and name.
    prices: HashMap<(String, Option<String>, String), f64>,
}

/// How many steps of a list are told.
const MANY: usize = 12;

impl<'a> Inquiry<'a> {
    /// Reads the references of a built kernel. `bytes` and `objects` are of the
    /// same kernel.
    pub fn open(
        kernel: &kernel::Kernel,
        bytes: &Bytes,
        objects: &'a Objects,
    ) -> Result<Inquiry<'a>> {
        let link = kernel.link();
        let (file, map) = (link.relocations()?, link.vmlinux_map()?);
        let read = bytes::Kernel::read(&Given {
            vmlinux: &file,
            map: Some(&map),
            ..Given::default()
        })?;
        let references =
            References::read(&file, &read.elf, &read.attribution).map_err(Error::KeptLink)?;
        let mut prices = HashMap::new();
        for leaf in &bytes.leaves {
            if leaf.size > 0 {
                let key = (leaf.section.clone(), leaf.object.clone(), leaf.name.clone());
                let sums: &mut (u64, u64) = prices.entry(key).or_default();
                sums.0 += leaf.share.unwrap_or(0);
                sums.1 += leaf.size;
            }
        }
        let price = |(share, size): (u64, u64)| share as f64 / size as f64;
        Ok(Inquiry {
            dominators: references.dominators(),
            references,
            elf: read.elf,
            attribution: read.attribution,
            objects,
            prices: prices.into_iter().map(|(k, v)| (k, price(v))).collect(),
        })
    }

    /// Why each symbol of a name is there: `NAME`, or `OBJECT:NAME`.
    pub fn symbol(&self, name: &str, because: &dyn Fn(&str) -> OptionStep) -> Vec<Why> {
        let (object, name) = match name.rsplit_once(':') {
            Some((object, name)) => (Some(object), name),
            None => (None, name),
        };
        let pieces = self.attribution.pieces.iter().enumerate();
        pieces
            .filter(|(_, p)| matches!(p.what, What::Symbol(s) if self.elf.symbols[s].name == name))
            .filter(|(_, p)| object.is_none_or(|o| self.object(p.object) == Some(o)))
            .map(|(index, piece)| {
                let object = self.object(piece.object);
                let title = match object {
                    Some(object) => format!("{name} in {object}"),
                    None => name.to_owned(),
                };
                self.answer(title, Asked::Symbol, &[index], object, because)
            })
            .collect()
    }

    /// Why an object is there; none when the kernel has no such object.
    pub fn object_file(&self, path: &str, because: &dyn Fn(&str) -> OptionStep) -> Option<Why> {
        let is = |o: &String| o == path || o.ends_with(&format!("({path})"));
        let index = self.attribution.objects.iter().position(is)?;
        let pieces = self.pieces(|object| object == Some(index));
        let object = self.attribution.objects[index].clone();
        let kind = Asked::Object;
        Some(self.answer(object.clone(), kind, &pieces, Some(&object), because))
    }

    /// What an option brings in, and why it is set.
    pub fn option(&self, name: &str, because: &dyn Fn(&str) -> OptionStep) -> Why {
        let brings = |object: &str| {
            let reason = self.objects.reason(object);
            reason.is_some_and(|r| r.options.iter().any(|o| o == name))
        };
        let brought: Vec<bool> = self.attribution.objects.iter().map(|o| brings(o)).collect();
        let pieces = self.pieces(|object| object.is_some_and(|o| brought[o]));
        let count = brought.iter().filter(|b| **b).count();
        let title = format!("{name}, {count} objects");
        let mut why = self.answer(title, Asked::Option, &pieces, None, because);
        why.options = vec![because(name)];
        why
    }

    /// Names that are near to one that isn't there.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let symbols = self.elf.symbols.iter().map(|s| s.name.as_str());
        let all = symbols.chain(self.attribution.objects.iter().map(String::as_str));
        all.min_by_key(|known| strsim::damerau_levenshtein(known, name))
    }

    fn pieces(&self, which: impl Fn(Option<usize>) -> bool) -> Vec<usize> {
        let pieces = self.attribution.pieces.iter().enumerate();
        let chosen = pieces.filter(|(_, p)| p.object.is_some() && which(p.object));
        chosen.map(|(i, _)| i).collect()
    }

    fn object(&self, index: Option<usize>) -> Option<&str> {
        Some(self.attribution.objects[index?].as_str())
    }

    fn answer(
        &self,
        name: String,
        kind: Asked,
        pieces: &[usize],
        object: Option<&str>,
        because: &dyn Fn(&str) -> OptionStep,
    ) -> Why {
        let reason = object.and_then(|object| self.objects.reason(object));
        let way = self.references.way(pieces);
        let mut referrers: Vec<usize> = pieces
            .iter()
            .flat_map(|p| self.references.referrers(*p))
            .map(|from| *from as usize)
            .filter(|from| !pieces.contains(from))
            .collect();
        referrers.sort_unstable();
        referrers.dedup();
        Why {
            name,
            kind,
            size: self.size(pieces),
            share: self.share(pieces),
            options: reason
                .map_or_else(Vec::new, |r| r.options.iter().map(|o| because(o)).collect()),
            makefile: reason.map(|r| r.makefile.clone()),
            library: reason.is_some_and(|r| r.library),
            through: match pieces {
                [one] => self.through(*one),
                _ => Vec::new(),
            },
            way: way.iter().map(|p| self.step(*p)).collect(),
            referrer_count: referrers.len(),
            referrers: referrers.iter().take(MANY).map(|p| self.step(*p)).collect(),
            retained: self.retained(pieces),
        }
    }

    /// The chain of dominators above a piece, the outermost first.
    fn through(&self, piece: usize) -> Vec<Step> {
        let mut chain = Vec::new();
        let mut at = self.dominators.get(piece).copied().flatten();
        while let Some(piece) = at {
            chain.push(self.step(piece));
            at = self.dominators[piece];
        }
        chain.reverse();
        chain
    }

    fn retained(&self, pieces: &[usize]) -> Retained {
        let mut retained = self.references.retained(pieces);
        let count = retained.len();
        let (size, share) = (self.size(&retained), self.share(&retained));
        let bytes = |p: &usize| self.attribution.pieces[*p].bytes;
        retained.sort_by_key(|p| std::cmp::Reverse(bytes(p)));
        Retained {
            count,
            size,
            share,
            largest: retained.iter().take(MANY).map(|p| self.step(*p)).collect(),
        }
    }

    fn size(&self, pieces: &[usize]) -> u64 {
        let bytes = pieces.iter().map(|p| self.attribution.pieces[*p].bytes);
        bytes.sum()
    }

    fn share(&self, pieces: &[usize]) -> u64 {
        let share = pieces.iter().map(|p| {
            let (piece, step) = (&self.attribution.pieces[*p], self.step(*p));
            let section = self.elf.sections[piece.section].name.clone();
            let price = self.prices.get(&(section, step.object, step.name));
            price.copied().unwrap_or(0.0) * piece.bytes as f64
        });
        share.sum::<f64>().round() as u64
    }

    fn step(&self, piece: usize) -> Step {
        let piece = &self.attribution.pieces[piece];
        let (name, _) = bytes::name_of(&self.elf, &self.attribution, piece.what, piece.input);
        Step {
            name,
            object: self.object(piece.object).map(str::to_owned),
            section: piece.input.map(|i| self.attribution.names[i].clone()),
            size: piece.bytes,
        }
    }
}
