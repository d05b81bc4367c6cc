//! What all parts of a schema say together: which members an object has, and what the items of an array are.
//!
//! Names are united: what one part that may apply declares is declared. Where a part says nothing of a value that it
//! takes, nothing is known of it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::keyword::{HIDDEN, LEAVES, target};
use crate::verdict::{self, Container, Judge, Verdict, takes};

/// Positions of an array that may have schemas of their own.
const MOST_POSITIONS: usize = 64;

/// Keywords whose schemas hold only sometimes.
const SOMETIMES: &[&str] = &["if", "then", "else"];

/// A converted schema, told from others by where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'d>(&'d Value);

impl Part<'_> {
    fn address(self) -> usize {
        std::ptr::from_ref(self.0).addr()
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Part<'_> {}

impl PartialOrd for Part<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Part<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.address().cmp(&other.address())
    }
}

/// What a value is judged by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape<'d> {
    One(Part<'d>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Shape<'_> {
    pub(crate) fn all(self, other: Self) -> Self {
        let lists = [self, other].map(|shape| if let Self::All(shapes) = shape { shapes } else { vec![shape] });
        Self::single(&lists).unwrap_or_else(Self::All)
    }

    pub(crate) fn any(self, other: Self) -> Self {
        let lists = [self, other].map(|shape| if let Self::Any(shapes) = shape { shapes } else { vec![shape] });
        Self::single(&lists).unwrap_or_else(Self::Any)
    }

    /// Each once, in an order of their own: the same shapes are one.
    fn single(lists: &[Vec<Self>; 2]) -> Result<Self, Vec<Self>> {
        let mut shapes = lists.concat();
        shapes.sort();
        shapes.dedup();
        let only = if shapes.len() == 1 { shapes.pop() } else { None };
        only.ok_or(shapes)
    }

    /// Schemas that it is put together of.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::All(shapes) | Self::Any(shapes) => shapes.iter().map(Self::size).sum(),
        }
    }
}

/// Members of an object. Names that are declared not to be there have no shape.
#[derive(Debug, Default)]
pub(crate) struct Members<'d> {
    pub(crate) named: BTreeMap<&'d str, Option<Shape<'d>>>,
    /// What the names are that are not listed, if any others may be there.
    pub(crate) others: Option<Shape<'d>>,
}

type Combine<'d> = fn(Shape<'d>, Shape<'d>) -> Shape<'d>;

impl<'d> Members<'d> {
    fn with(mut self, mut other: Self, combine: Combine<'d>) -> Self {
        let both = |one: Option<Shape<'d>>, two: Option<Shape<'d>>| match (one, two) {
            (Some(one), Some(two)) => Some(combine(one, two)),
            (one, two) => one.or(two),
        };
        for (name, shape) in &mut self.named {
            let theirs = other.named.remove(name).unwrap_or_else(|| other.others.clone());
            *shape = both(shape.take(), theirs);
        }
        for (name, shape) in other.named {
            self.named.insert(name, both(self.others.clone(), shape));
        }
        self.others = both(self.others, other.others);
        self
    }
}

/// What is said of an item.
#[derive(Debug, Clone)]
pub(crate) enum Item<'d> {
    /// There are no arrays.
    Elsewhere,
    /// Nothing.
    Silent,
    /// Something that is not known to us.
    Unknown,
    Of(Shape<'d>),
}

/// Items of an array.
#[derive(Debug, Clone)]
pub(crate) struct Items<'d> {
    /// Those whose place counts.
    pub(crate) first: Vec<Item<'d>>,
    pub(crate) rest: Item<'d>,
}

impl<'d> Items<'d> {
    const fn every(item: Item<'d>) -> Self {
        Self { first: Vec::new(), rest: item }
    }

    fn with(self, other: &Self, combine: fn(Item<'d>, Item<'d>) -> Item<'d>) -> Self {
        let at = |items: &Self, at: usize| items.first.get(at).unwrap_or(&items.rest).clone();
        let first =
            (0..self.first.len().max(other.first.len())).map(|place| combine(at(&self, place), at(other, place)));
        Self { first: first.collect(), rest: combine(self.rest.clone(), other.rest.clone()) }
    }
}

fn both<'d>(one: Item<'d>, two: Item<'d>) -> Item<'d> {
    match (one, two) {
        (Item::Unknown, _) | (_, Item::Unknown) => Item::Unknown,
        (Item::Elsewhere, _) | (_, Item::Elsewhere) => Item::Elsewhere,
        (Item::Silent, item) | (item, Item::Silent) => item,
        (Item::Of(one), Item::Of(two)) => Item::Of(one.all(two)),
    }
}

fn either<'d>(one: Item<'d>, two: Item<'d>) -> Item<'d> {
    match (one, two) {
        (Item::Elsewhere, item) | (item, Item::Elsewhere) => item,
        (Item::Unknown, _) | (_, Item::Unknown) => Item::Unknown,
        (Item::Silent, _) | (_, Item::Silent) => Item::Silent,
        (Item::Of(one), Item::Of(two)) => Item::Of(one.any(two)),
    }
}

fn at_times<'d>(always: Item<'d>, sometimes: Item<'d>) -> Item<'d> {
    match (always, sometimes) {
        (_, Item::Unknown) => Item::Unknown,
        (Item::Of(one), Item::Of(two)) => Item::Of(one.any(two)),
        (always, _) => always,
    }
}

/// Reads shapes, with a bound on all of it.
pub(crate) struct Reader<'d> {
    definitions: &'d [Value],
    judge: Judge<'d>,
    /// Schemas and names that may still be looked at.
    left: usize,
}

/// The bound is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exhausted;

impl<'d> Reader<'d> {
    pub(crate) fn new(definitions: &'d [Value], most: usize) -> Self {
        Self { definitions, judge: Judge::new(definitions), left: most }
    }

    /// A definition, by its number.
    pub(crate) fn definition(&self, at: usize) -> Option<Shape<'d>> {
        Some(self.shape(self.definitions.get(at)?))
    }

    /// A schema; what only refers to a definition is that definition.
    fn shape(&self, schema: &'d Value) -> Shape<'d> {
        let mut schema = schema;
        // References to the same value form no circle, and are bounded: that is seen before.
        while let Some(target) = schema.as_object().filter(|members| members.len() == 1).and_then(target) {
            let Some(definition) = self.definitions.get(target) else { break };
            schema = definition;
        }
        Shape::One(Part(schema))
    }

    /// Whether such values hold no others, as far as each schema itself tells.
    pub(crate) fn is_scalar(shape: &Shape<'d>) -> bool {
        match shape {
            Shape::One(Part(Value::Object(members))) => {
                !takes(members, Container::Object) && !takes(members, Container::Array)
            }
            Shape::One(_) => false,
            Shape::All(shapes) => shapes.iter().any(Self::is_scalar),
            Shape::Any(shapes) => shapes.iter().all(Self::is_scalar),
        }
    }

    /// What is said of the members.
    pub(crate) fn verdict(&mut self, shape: &Shape<'d>) -> Verdict {
        match shape {
            Shape::One(part) => self.judge.verdict(part.0),
            Shape::All(shapes) => verdict::all(&shapes.iter().map(|shape| self.verdict(shape)).collect::<Vec<_>>()),
            Shape::Any(shapes) => verdict::any(&shapes.iter().map(|shape| self.verdict(shape)).collect::<Vec<_>>()),
        }
    }

    pub(crate) fn members(&mut self, shape: &Shape<'d>) -> Result<Members<'d>, Exhausted> {
        match shape {
            Shape::One(part) => self.members_of(part.0),
            Shape::All(shapes) => self.members_of_list(shapes.iter(), Self::members, Shape::all),
            Shape::Any(shapes) => self.members_of_list(shapes.iter(), Self::members, Shape::any),
        }
    }

    fn members_of_list<T>(
        &mut self,
        list: impl Iterator<Item = T>,
        read: fn(&mut Self, T) -> Result<Members<'d>, Exhausted>,
        combine: Combine<'d>,
    ) -> Result<Members<'d>, Exhausted> {
        list.into_iter().try_fold(Members::default(), |all, one| Ok(all.with(read(self, one)?, combine)))
    }

    fn members_of(&mut self, schema: &'d Value) -> Result<Members<'d>, Exhausted> {
        let names = schema.get("properties").and_then(Value::as_object).map_or(0, Map::len);
        self.left = self.left.checked_sub(1 + names).ok_or(Exhausted)?;
        let Value::Object(members) = schema else { return Ok(Members::default()) };
        let mut all = self.own_members(members);
        for name in ["$ref", "allOf", "anyOf", "oneOf"] {
            let combine = if name == "anyOf" || name == "oneOf" { Shape::any } else { Shape::all };
            let parts = self.parts(members, name);
            all = all.with(self.members_of_list(parts.into_iter(), Self::members_of, combine)?, Shape::all);
        }
        for part in sometimes(members) {
            all = all.with(self.members_of(part)?, Shape::any);
        }
        Ok(all)
    }

    fn own_members(&self, members: &'d Map<String, Value>) -> Members<'d> {
        let schemas = |name: &str| members.get(name).and_then(Value::as_object);
        let hidden = members.get(HIDDEN).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let declared = |schema: &'d Value| (schema != &Value::Bool(false)).then(|| self.shape(schema));
        let patterns = schemas("patternProperties").into_iter().flat_map(Map::values).filter_map(declared);
        let patterns = patterns.reduce(Shape::any);
        let either = |one: Option<Shape<'d>>, two: Option<Shape<'d>>| match (one, two) {
            (Some(one), Some(two)) => Some(one.any(two)),
            (one, two) => one.or(two),
        };
        let named = schemas("properties").into_iter().flatten().map(|(name, schema)| {
            let is_hidden = hidden.iter().any(|hidden| hidden == name.as_str());
            let shape = if is_hidden { None } else { either(declared(schema), patterns.clone()) };
            (name.as_str(), shape)
        });
        let rest = members.get("additionalProperties").or_else(|| members.get("unevaluatedProperties"));
        Members { named: named.collect(), others: either(rest.and_then(declared), patterns.clone()) }
    }

    /// What is said of the items.
    pub(crate) fn items(&mut self, shape: &Shape<'d>) -> Result<Items<'d>, Exhausted> {
        match shape {
            Shape::One(part) => self.items_of(part.0),
            Shape::All(shapes) => {
                let begin = Items::every(Item::Silent);
                shapes.iter().try_fold(begin, |all, shape| Ok(all.with(&self.items(shape)?, both)))
            }
            Shape::Any(shapes) => {
                let begin = Items::every(Item::Elsewhere);
                shapes.iter().try_fold(begin, |all, shape| Ok(all.with(&self.items(shape)?, either)))
            }
        }
    }

    fn items_of(&mut self, schema: &'d Value) -> Result<Items<'d>, Exhausted> {
        self.left = self.left.checked_sub(1).ok_or(Exhausted)?;
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(false) => return Ok(Items::every(Item::Elsewhere)),
            _ => return Ok(Items::every(Item::Silent)),
        };
        if !takes(members, Container::Array) {
            return Ok(Items::every(Item::Elsewhere));
        }
        let mut all = self.own_items(members);
        for part in self.parts(members, "$ref").into_iter().chain(self.parts(members, "allOf")) {
            all = all.with(&self.items_of(part)?, both);
        }
        for name in ["anyOf", "oneOf"] {
            let parts = self.parts(members, name);
            if !parts.is_empty() {
                let begin = Items::every(Item::Elsewhere);
                let any = parts
                    .into_iter()
                    .try_fold(begin, |all, part| Ok::<_, Exhausted>(all.with(&self.items_of(part)?, either)))?;
                all = all.with(&any, both);
            }
        }
        for part in sometimes(members) {
            all = all.with(&self.items_of(part)?, at_times);
        }
        if let Some(contained) = members.get("contains") {
            all = all.with(&Items::every(Item::Of(self.shape(contained))), at_times);
        }
        Ok(all)
    }

    fn own_items(&self, members: &'d Map<String, Value>) -> Items<'d> {
        let first = members.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if members.contains_key(LEAVES) || first.len() > MOST_POSITIONS {
            return Items::every(Item::Unknown);
        }
        let rest = members.get("items").or_else(|| members.get("unevaluatedItems"));
        Items {
            first: first.iter().map(|schema| Item::Of(self.shape(schema))).collect(),
            rest: rest.map_or(Item::Silent, |schema| Item::Of(self.shape(schema))),
        }
    }

    fn parts(&self, members: &'d Map<String, Value>, name: &str) -> Vec<&'d Value> {
        match members.get(name) {
            Some(Value::Array(schemas)) => schemas.iter().collect(),
            Some(Value::String(_)) => target(members).and_then(|at| self.definitions.get(at)).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

fn sometimes(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let dependent = members.get("dependentSchemas").and_then(Value::as_object);
    let parts = SOMETIMES.iter().filter_map(|name| members.get(*name));
    parts.chain(dependent.into_iter().flat_map(Map::values))
}
