//! Which members values have at every depth, ready to be walked along a value.
//!
//! A schema's outline forgets what the members hold and keeps their names, through references and compositions. What
//! one part that may apply names is declared, so a member that some reading of the document declares never counts as
//! undeclared. An object of which nothing is said is open, with all that is below it, and so is one with members
//! whose names cannot be told from the document. Where no object can be, one that is there has no declared members.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::limits::Limits;
use crate::parts::{Exhausted, Item, Reader, Shape};
use crate::validator::SchemaId;
use crate::verdict::Verdict;

/// Schemas that the value at one place may be put together of; beyond them it is left open.
const MOST_TOGETHER: usize = 64;

/// A place in the outline: of a value as its schema has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutlineAt(u32);

impl OutlineAt {
    /// Of a value of which nothing is known: any member is declared.
    pub const OPEN: Self = Self(0);
    /// Of a value that should hold no others: no member is declared.
    const NOTHING: Self = Self(1);
}

/// What a member is to the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Named, or one of any name; with the place of its value.
    Declared(OutlineAt),
    /// Named by nothing.
    Undeclared,
}

/// The names of members in values of some schemas.
#[derive(Debug)]
pub struct Outline {
    nodes: Vec<Node>,
    roots: BTreeMap<usize, OutlineAt>,
    /// Places that are open because there was too much to read ([`Limits::outlined`]).
    pub left_open: usize,
}

#[derive(Debug)]
struct Node {
    /// By name, in the order of the names.
    named: Box<[(Box<str>, Member)]>,
    others: Member,
    first: Box<[OutlineAt]>,
    rest: OutlineAt,
}

impl Node {
    fn of(members: Member, items: OutlineAt) -> Self {
        Self { named: Box::default(), others: members, first: Box::default(), rest: items }
    }
}

impl Outline {
    pub(crate) fn new(definitions: &[Value], schemas: impl IntoIterator<Item = SchemaId>, limits: &Limits) -> Self {
        let open = Node::of(Member::Declared(OutlineAt::OPEN), OutlineAt::OPEN);
        let nothing = Node::of(Member::Undeclared, OutlineAt::NOTHING);
        let mut builder = Builder {
            reader: Reader::new(definitions, limits.outlined),
            known: BTreeMap::new(),
            waiting: VecDeque::new(),
            nodes: vec![open, nothing],
            room: limits.outlined,
            left_open: 0,
        };
        let mut roots = BTreeMap::new();
        for schema in schemas {
            let at = schema.index();
            if let Some(shape) = builder.reader.definition(at) {
                roots.entry(at).or_insert_with(|| builder.place(shape));
            }
        }
        builder.finish();
        Self { nodes: builder.nodes, roots, left_open: builder.left_open }
    }

    /// Where a value of the schema begins. One that was not asked for is open.
    pub fn root(&self, schema: SchemaId) -> OutlineAt {
        self.roots.get(&schema.index()).copied().unwrap_or(OutlineAt::OPEN)
    }

    /// What a member of an object is. Takes a search among the names of that place.
    pub fn member(&self, at: OutlineAt, name: &str) -> Member {
        let Some(node) = self.node(at) else { return Member::Declared(OutlineAt::OPEN) };
        let found = node.named.binary_search_by(|(known, _)| (**known).cmp(name)).ok();
        found.and_then(|found| node.named.get(found)).map_or(node.others, |(_, member)| *member)
    }

    /// The place of an item of an array.
    pub fn item(&self, at: OutlineAt, index: usize) -> OutlineAt {
        let Some(node) = self.node(at) else { return OutlineAt::OPEN };
        node.first.get(index).copied().unwrap_or(node.rest)
    }

    fn node(&self, at: OutlineAt) -> Option<&Node> {
        self.nodes.get(usize::try_from(at.0).ok()?)
    }
}

struct Builder<'d> {
    reader: Reader<'d>,
    known: BTreeMap<Shape<'d>, OutlineAt>,
    /// Places whose nodes are still to be made.
    waiting: VecDeque<(Shape<'d>, usize)>,
    nodes: Vec<Node>,
    /// Places and names that there is room for.
    room: usize,
    left_open: usize,
}

impl<'d> Builder<'d> {
    fn place(&mut self, shape: Shape<'d>) -> OutlineAt {
        if Reader::is_scalar(&shape) {
            return OutlineAt::NOTHING;
        }
        if let Some(known) = self.known.get(&shape) {
            return *known;
        }
        let next = self.nodes.len();
        let (Some(room), Ok(at)) = (self.room.checked_sub(1), u32::try_from(next)) else { return self.open() };
        if shape.size() > MOST_TOGETHER {
            return self.open();
        }
        self.room = room;
        let at = OutlineAt(at);
        self.known.insert(shape.clone(), at);
        self.nodes.push(Node::of(Member::Declared(OutlineAt::OPEN), OutlineAt::OPEN));
        self.waiting.push_back((shape, next));
        at
    }

    fn open(&mut self) -> OutlineAt {
        self.left_open += 1;
        OutlineAt::OPEN
    }

    fn finish(&mut self) {
        while let Some((shape, at)) = self.waiting.pop_front() {
            match self.node(&shape) {
                Ok(made) => {
                    if let Some(node) = self.nodes.get_mut(at) {
                        *node = made;
                    }
                }
                Err(Exhausted) => self.left_open += 1,
            }
        }
    }

    fn node(&mut self, shape: &Shape<'d>) -> Result<Node, Exhausted> {
        let (mut named, mut others) = (Vec::new(), Member::Undeclared);
        match self.reader.verdict(shape) {
            Verdict::Named => {
                let members = self.reader.members(shape)?;
                self.room = self.room.checked_sub(members.named.len()).ok_or(Exhausted)?;
                named = members.named.into_iter().map(|(name, shape)| (Box::from(name), self.member(shape))).collect();
                others = self.member(members.others);
            }
            Verdict::Silent | Verdict::Unknown => others = Member::Declared(OutlineAt::OPEN),
            Verdict::Elsewhere => {}
        }
        let items = self.reader.items(shape)?;
        let first = items.first.into_iter().map(|item| self.item(item)).collect();
        Ok(Node { named: named.into(), others, first, rest: self.item(items.rest) })
    }

    fn member(&mut self, shape: Option<Shape<'d>>) -> Member {
        shape.map_or(Member::Undeclared, |shape| Member::Declared(self.place(shape)))
    }

    fn item(&mut self, item: Item<'d>) -> OutlineAt {
        match item {
            Item::Silent | Item::Unknown => OutlineAt::OPEN,
            Item::Elsewhere => OutlineAt::NOTHING,
            Item::Of(shape) => self.place(shape),
        }
    }
}
