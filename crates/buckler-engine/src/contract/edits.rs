//! What becomes of a JSON body before the app sees it: members that no operation names go (`unknown_fields = "strip"`),
//! and strings lose the white space at their ends (`content.trim`). What stays is byte for byte as it came.

use buckler_inspect::json::{Edit, EditLimits, Edited, JsonEditor, JsonFault, Rules, Strings, Texts};
use buckler_schema::{Contract, Limits, Member, Outline, OutlineAt, SchemaId};

use buckler_policy::settings::{Content, Trim, UnknownFields};

/// What the policy has done to bodies.
#[derive(Debug)]
pub(crate) struct Edits {
    /// Which members stay; `None`: all.
    members: Option<Outline>,
    strings: Strings,
    limits: EditLimits,
}

/// Where a value stands in what two operations name; templates may overlap, and what one of them names stays.
type Places = [OutlineAt; 2];

impl Edits {
    /// `None` where the policy asks for none.
    pub(crate) fn compile(content: &Content, document: &Contract) -> Option<Self> {
        let strings = match content.trim {
            Trim::On => Strings::Trimmed,
            Trim::Off => Strings::AsWritten,
        };
        let members = (content.unknown_fields == UnknownFields::Strip).then(|| {
            let operations = document.routes.iter().flat_map(|route| &route.operations);
            let bodies = operations.flat_map(|operation| &operation.body).flat_map(|body| &body.media);
            document.outline(bodies.filter_map(|media| media.schema), &Limits::default())
        });
        let bound = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let limits = EditLimits { depth: bound(content.json.depth), name: bound(content.json.string) };
        (members.is_some() || strings == Strings::Trimmed).then_some(Self { members, strings, limits })
    }

    /// Whether bodies are edited of which the contract says nothing.
    pub(crate) fn concern_any_body(&self) -> bool {
        self.strings == Strings::Trimmed
    }

    /// The text as the app is to get it, and what was changed; `None` where nothing was. `schemas` are those of the
    /// operations that it may be for; one that has none names every member.
    pub(crate) fn apply(
        &self,
        text: &[u8],
        schemas: impl Iterator<Item = Option<SchemaId>>,
    ) -> Result<Option<(Vec<u8>, Edited)>, JsonFault> {
        let undeclared = Undeclared { outline: self.members.as_ref(), root: self.root(schemas) };
        let mut out = Vec::with_capacity(text.len());
        let mut editor = JsonEditor::new(undeclared, self.limits, Texts::One, self.strings);
        editor.push(text, &mut out)?;
        let (edited, _) = editor.finish()?;
        Ok((!edited.is_untouched()).then_some((out, edited)))
    }

    fn root(&self, mut schemas: impl Iterator<Item = Option<SchemaId>>) -> Places {
        const OPEN: Places = [OutlineAt::OPEN; 2];
        let Some(outline) = &self.members else { return OPEN };
        let mut next = || schemas.next().map(|schema| schema.map_or(OutlineAt::OPEN, |schema| outline.root(schema)));
        match (next(), next(), next()) {
            (Some(one), None, _) => [one; 2],
            (Some(one), Some(two), None) => [one, two],
            // Of more than two, and of none, nothing is known.
            _ => OPEN,
        }
    }
}

/// Takes away what no operation names.
struct Undeclared<'c> {
    outline: Option<&'c Outline>,
    root: Places,
}

impl Rules for Undeclared<'_> {
    type At = Places;

    fn root(&self) -> Places {
        self.root
    }

    fn member(&mut self, at: Places, name: &str) -> Edit<Places> {
        let Some(outline) = self.outline else { return Edit::Keep(at) };
        match at.map(|at| outline.member(at, name)) {
            [Member::Declared(one), Member::Declared(two)] => Edit::Keep([one, two]),
            [Member::Declared(one), Member::Undeclared] | [Member::Undeclared, Member::Declared(one)] => {
                Edit::Keep([one; 2])
            }
            [Member::Undeclared, Member::Undeclared] => Edit::Remove,
        }
    }

    fn item(&self, at: Places, index: usize) -> Places {
        self.outline.map_or(at, |outline| at.map(|at| outline.item(at, index)))
    }
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;
