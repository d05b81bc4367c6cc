//! What judging one value can unfold to, before anything is judged.
//!
//! References and compositions that judge the same value may refer to each other without end, or double with each
//! step. Both are found here: a circle is no rule at all, and what unfolds too far is refused.

use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::keyword::{IN_PLACE, held, target};
use crate::limits::Limits;
use crate::place::Place;

/// A schema together with all that judges the same value as it does.
#[derive(Debug, Default)]
struct Group {
    schemas: u64,
    nested: u32,
    /// Definitions that are referred to, each as often as it is, with how deep.
    targets: Vec<(usize, u32)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    schemas: u64,
    nested: u32,
}

pub(crate) fn check(definitions: &[Value], places: &[String], limits: &Limits) -> Result<(), Fault> {
    let mut roots = Vec::with_capacity(definitions.len());
    let mut inner = Vec::new();
    for (at, definition) in definitions.iter().enumerate() {
        let mut below = Vec::new();
        roots.push(group(definition, &mut below));
        while let Some(schema) = below.pop() {
            inner.push((at, group(schema, &mut below)));
        }
    }
    let fault = |at: usize, what: String| {
        let place = places.get(at).map_or("#", String::as_str);
        Fault::new(&Place::base(place), what)
    };
    let sums = sums(&roots).map_err(|at| fault(at, "the schema refers to itself for one and the same value".into()))?;
    let inner = inner.iter().map(|(at, group)| (*at, total(group, &sums)));
    for (at, sum) in sums.iter().copied().enumerate().chain(inner) {
        if sum.schemas > limits.unfolded {
            return Err(fault(at, format!("one value is judged by more than {} schemas here", limits.unfolded)));
        }
        if sum.nested > limits.nested {
            return Err(fault(at, format!("more than {} references and compositions nest here", limits.nested)));
        }
    }
    Ok(())
}

fn group<'s>(schema: &'s Value, below: &mut Vec<&'s Value>) -> Group {
    let mut group = Group::default();
    if let Value::Object(members) = schema {
        collect(members, 1, &mut group, below);
    } else {
        group.schemas = 1;
    }
    group
}

fn collect<'s>(members: &'s Map<String, Value>, depth: u32, group: &mut Group, below: &mut Vec<&'s Value>) {
    group.schemas = group.schemas.saturating_add(1);
    group.nested = group.nested.max(depth);
    group.targets.extend(target(members).map(|target| (target, depth)));
    for (name, schema) in held(members) {
        match schema {
            Value::Object(members) if IN_PLACE.contains(&name) => collect(members, depth + 1, group, below),
            Value::Object(_) => below.push(schema),
            _ => {}
        }
    }
}

fn total(group: &Group, sums: &[Sum]) -> Sum {
    let own = Sum { schemas: group.schemas, nested: group.nested };
    group.targets.iter().fold(own, |total, (target, depth)| {
        let sum = sums.get(*target).copied().unwrap_or_default();
        Sum {
            schemas: total.schemas.saturating_add(sum.schemas),
            nested: total.nested.max(depth.saturating_add(sum.nested)),
        }
    })
}

/// Each definition's sum, those that it needs first; `Err` with one that stands in a circle or leads to one.
fn sums(roots: &[Group]) -> Result<Vec<Sum>, usize> {
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); roots.len()];
    let mut missing: Vec<usize> = Vec::with_capacity(roots.len());
    for (at, root) in roots.iter().enumerate() {
        let mut known = 0;
        for (target, _) in &root.targets {
            if let Some(needed_by) = needed_by.get_mut(*target) {
                needed_by.push(at);
                known += 1;
            }
        }
        missing.push(known);
    }
    let mut sums = vec![Sum::default(); roots.len()];
    let mut open: Vec<usize> = (0..roots.len()).filter(|at| missing.get(*at) == Some(&0)).collect();
    let mut done = 0;
    while let Some(at) = open.pop() {
        done += 1;
        let sum = roots.get(at).map(|root| total(root, &sums)).unwrap_or_default();
        if let Some(slot) = sums.get_mut(at) {
            *slot = sum;
        }
        for needing in needed_by.get(at).into_iter().flatten() {
            if let Some(left) = missing.get_mut(*needing) {
                *left -= 1;
                if *left == 0 {
                    open.push(*needing);
                }
            }
        }
    }
    if done == roots.len() {
        return Ok(sums);
    }
    Err(missing.iter().position(|missing| *missing > 0).unwrap_or_default())
}
