//! Circles of imports inside a crate.
//!
//! The rule: an import counts between the two siblings that part its ways. When
//! `a::b::c` imports `a::d::e`, then `b` imports `d`, both being rooms of `a`;
//! when `a::b` imports `c::d`, then `a` imports `c`, both rooms of the crate. At
//! every depth the rooms of one module must not import each other in a circle.
//! An import between a module and what stands below it doesn't count: a parent
//! that declares, uses and exports its children again, and children that use
//! `super::Type`, are one thing in two files. What a module only exports again
//! is looked up where it is defined, so that a circle can't hide behind a
//! `pub use` of the parent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::PathBuf;

use crate::modules::{Import, ModulePath};

/// Rooms of one module that all reach each other.
#[derive(Debug)]
pub(crate) struct Circle {
    /// The module whose rooms they are; empty for the crate itself.
    pub(crate) within: ModulePath,
    /// All rooms that are in it.
    pub(crate) rooms: BTreeSet<String>,
    /// The shortest way around: from, to, and the places of the imports.
    pub(crate) way: Vec<Step>,
}

/// One room importing another.
#[derive(Debug)]
pub(crate) struct Step {
    /// The room that imports.
    pub(crate) from: String,
    /// The room that is imported.
    pub(crate) to: String,
    /// Where: files and lines.
    pub(crate) places: Vec<(PathBuf, usize)>,
}

type Arrows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<(PathBuf, usize)>>>;

/// Finds all circles, the outermost first.
pub(crate) fn find(imports: &[Import]) -> Vec<Circle> {
    let mut by_parent: BTreeMap<&[String], Arrows> = BTreeMap::new();
    for import in imports {
        let same = import
            .from
            .iter()
            .zip(&import.to)
            .take_while(|(a, b)| a == b)
            .count();
        let (Some(from), Some(to)) = (import.from.get(same), import.to.get(same)) else {
            continue; // one stands below the other
        };
        let arrows = by_parent.entry(&import.from[..same]).or_default();
        let places = arrows.entry(from).or_default().entry(to).or_default();
        places.push((import.file.clone(), import.line));
    }
    let mut circles = Vec::new();
    for (within, arrows) in by_parent {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for &room in arrows.keys() {
            if seen.contains(room) {
                continue;
            }
            // Rooms that this one reaches and that reach it.
            let around: BTreeSet<&str> = reached(&arrows, room)
                .into_iter()
                .filter(|other| reached(&arrows, other).contains(room))
                .collect();
            seen.extend(&around);
            if around.len() > 1 {
                let way = around.iter().map(|room| way_around(&arrows, room));
                circles.push(Circle {
                    within: within.to_vec(),
                    way: way.min_by_key(Vec::len).unwrap_or_default(),
                    rooms: around.into_iter().map(str::to_owned).collect(),
                });
            }
        }
    }
    circles
}

fn reached<'a>(arrows: &Arrows<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(room) = next.pop() {
        for &to in arrows.get(room).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(to) {
                next.push(to);
            }
        }
    }
    seen
}

/// The shortest way from a room back to itself.
fn way_around(arrows: &Arrows, start: &str) -> Vec<Step> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(room) = next.pop_front() {
        for &to in arrows.get(room).into_iter().flat_map(BTreeMap::keys) {
            if came_from.contains_key(to) {
                continue;
            }
            came_from.insert(to, room);
            next.push_back(to);
        }
        if came_from.contains_key(start) {
            break;
        }
    }
    let mut way = Vec::new();
    let mut to = start;
    while let Some(&from) = came_from.get(to) {
        let places = arrows[from][to].clone();
        way.push(Step {
            from: from.to_owned(),
            to: to.to_owned(),
            places,
        });
        to = from;
        if to == start {
            break;
        }
    }
    way.reverse();
    way
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rooms: Vec<&str> = self.rooms.iter().map(String::as_str).collect();
        write!(
            f,
            "{} modules import each other: {}",
            rooms.len(),
            rooms.join(", ")
        )?;
        for step in &self.way {
            write!(f, "\n    {} -> {}", step.from, step.to)?;
            for (file, line) in step.places.iter().take(4) {
                write!(f, "\n        {}:{line}", file.display())?;
            }
            if step.places.len() > 4 {
                write!(f, "\n        and {} more", step.places.len() - 4)?;
            }
        }
        Ok(())
    }
}
