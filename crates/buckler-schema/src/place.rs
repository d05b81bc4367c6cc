//! Where in a document: a JSON pointer that is written only when it is needed.

/// Characters of a name that are shown. A name may be as long as the document.
const SHOWN: usize = 120;

/// A place, by the places above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    above: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    /// A pointer that is written already.
    Base(&'p str),
    Name(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) fn base(pointer: &'p str) -> Self {
        Self { above: None, step: Step::Base(pointer) }
    }

    pub(crate) fn name<'q>(&'q self, name: &'q str) -> Place<'q>
    where
        'p: 'q,
    {
        Place { above: Some(self), step: Step::Name(name) }
    }

    pub(crate) fn index<'q>(&'q self, index: usize) -> Place<'q>
    where
        'p: 'q,
    {
        Place { above: Some(self), step: Step::Index(index) }
    }

    /// As a pointer in a fragment: `#/paths/~1items/get`.
    pub(crate) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(place) = at {
            steps.push(place.step);
            at = place.above;
        }
        let mut text = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Base(pointer) => text.push_str(pointer),
                Step::Name(name) => {
                    text.push('/');
                    push_name(&mut text, name);
                }
                Step::Index(index) => {
                    text.push('/');
                    text.push_str(&index.to_string());
                }
            }
        }
        text
    }
}

/// Names come from the document: no line break of theirs reaches a terminal or a log.
pub(crate) fn push_name(text: &mut String, name: &str) {
    for (at, character) in name.chars().enumerate() {
        if at == SHOWN {
            text.push('…');
            break;
        }
        match character {
            '~' => text.push_str("~0"),
            '/' => text.push_str("~1"),
            _ if character.is_control() => text.extend(character.escape_default()),
            _ => text.push(character),
        }
    }
}

/// A text of the document as it may be shown: short, and without characters that a terminal or a log acts upon.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(visible).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let plain = (!character.is_control()).then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_escaped_and_short() {
        // R40
        let long = "x".repeat(1000);
        let root = Place::base("#");
        let cases = [
            (root.name("a/b~c").pointer(), "#/a~1b~0c".to_owned()),
            (root.name("a\nb").index(3).pointer(), "#/a\\nb/3".to_owned()),
            (root.name(&long).pointer(), format!("#/{}…", "x".repeat(SHOWN))),
            (shown("a\u{1b}[31m"), "a\\u{1b}[31m".to_owned()),
        ];
        for (given, expected) in cases {
            assert_eq!(given, expected);
        }
    }
}
