//! Path templates, as `OpenAPI` writes them and as FastAPI means them.

use crate::place::shown;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that stand in the path as they are.
    Text(String),
    /// `{name}`: at least one byte of one segment; `{name:path}`: any bytes, slashes included.
    Value {
        /// The parameter's name.
        name: String,
        /// Whether slashes are part of the value.
        rest: bool,
    },
}

/// A path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As the document writes it.
    pub text: String,
    /// Its parts in their order; no two texts stand beside each other.
    pub pieces: Vec<Piece>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, in words that hold no more of it than can be shown.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("the path `{}` does not begin with a slash", shown(text)));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((inner, tail)) = after.split_once('}') else {
                return Err(format!("the path `{}` opens a brace that it does not close", shown(text)));
            };
            push_text(&mut pieces, before, text)?;
            pieces.push(value(inner, text)?);
            rest = tail;
        }
        push_text(&mut pieces, rest, text)?;
        let template = Self { text: text.to_owned(), pieces };
        template.names_once()?;
        Ok(template)
    }

    /// The names of its parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value { name, .. } => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Whether it stands for one path only.
    pub fn is_static(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    fn names_once(&self) -> Result<(), String> {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(_) => Err(format!("the path `{}` names a parameter twice", shown(&self.text))),
            None => Ok(()),
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, whole: &str) -> Result<(), String> {
    if text.contains('}') {
        return Err(format!("the path `{}` closes a brace that it did not open", shown(whole)));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    Ok(())
}

/// Starlette's converters; all but `path` stay within a segment.
fn value(inner: &str, whole: &str) -> Result<Piece, String> {
    let (name, converter) = inner.split_once(':').unwrap_or((inner, "str"));
    if name.is_empty() || name.contains(['{', '/']) {
        return Err(format!("the path `{}` has a parameter without a usable name", shown(whole)));
    }
    Ok(Piece::Value { name: name.to_owned(), rest: converter == "path" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        // R40
        let broken = ["items", "", "/a/{", "/a/}", "/a/{}", "/{x}/{x}", "/{a{b}}", "/{a/b}", "/{:path}", "/{a}}"];
        for text in broken {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        let good = [
            ("/", vec![], true),
            ("/items", vec![], true),
            ("/items/{id}", vec![("id", false)], false),
            ("/files/{p:path}/meta", vec![("p", true)], false),
            ("/n/{n:int}.{ext}", vec![("n", false), ("ext", false)], false),
        ];
        for (text, names, is_static) in good {
            let template = Template::parse(text).unwrap();
            let values: Vec<_> = template
                .pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Value { name, rest } => Some((name.as_str(), *rest)),
                    Piece::Text(_) => None,
                })
                .collect();
            assert_eq!((values, template.is_static()), (names, is_static), "{text}");
        }
    }
}
