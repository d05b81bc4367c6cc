//! What becomes of a JSON body before the app sees it: members that no operation names go (`unknown_fields = "strip"`),
//! and strings lose the white space at their ends (`content.trim`). What stays is byte for byte as it came.

use buckler_inspect::json::{Edit, EditLimits, Edited, JsonEditor, JsonFault, Rules, Strings, Texts};
use buckler_policy::settings::{Content, Trim, UnknownFields};
use buckler_schema::{Contract, Limits, Outline, SchemaId};

use super::places::Places;

/// What the policy has done to bodies.
#[derive(Debug)]
pub(crate) struct Edits {
    /// Which members stay; `None`: all.
    members: Option<Outline>,
    strings: Strings,
    limits: EditLimits,
}

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
        let outline = self.members.as_ref();
        let root = outline.map_or(Places::OPEN, |outline| Places::root(outline, schemas));
        let undeclared = Undeclared { outline, root };
        let mut out = Vec::with_capacity(text.len());
        let mut editor = JsonEditor::new(undeclared, self.limits, Texts::One, self.strings);
        editor.push(text, &mut out)?;
        let (edited, _) = editor.finish()?;
        Ok((!edited.is_untouched()).then_some((out, edited)))
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
        at.member(outline, name).map_or(Edit::Remove, Edit::Keep)
    }

    fn item(&self, at: Places, index: usize) -> Places {
        self.outline.map_or(at, |outline| at.item(outline, index))
    }
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;
