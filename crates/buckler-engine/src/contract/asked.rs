//! A request as the app's router and parameters read it.

use std::borrow::Cow;

use buckler_http::head::{Field, Head};
use buckler_http::target::{Target, decoded};

/// Path, query and cookies, decoded once.
#[derive(Debug)]
pub(crate) struct Asked {
    /// As servers hand it to apps: decoded, what is no UTF-8 replaced.
    pub(crate) path: String,
    /// In the order in which they came.
    pub(crate) query: Vec<(String, String)>,
    /// In the order in which they came.
    pub(crate) cookies: Vec<(String, String)>,
}

impl Asked {
    /// `None` for what asks for no path.
    pub(crate) fn of(head: &Head<'_>, target: &Target<'_>) -> Option<Self> {
        let path = path(target)?;
        // As `parse_qsl(keep_blank_values=True)`: `&` parts, `+` is a space.
        let query = form_urlencoded::parse(target.query().unwrap_or_default());
        let query = query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Some(Self { path, query, cookies: cookies(head) })
    }

    /// The paths that a router may look for: below where the app stands, below a server's path, and as it came.
    pub(crate) fn paths<'p>(&'p self, root_path: &'p str, bases: &'p [String]) -> impl Iterator<Item = &'p str> {
        paths(&self.path, root_path, bases)
    }

    /// Values of a query parameter.
    pub(crate) fn query<'p>(&'p self, name: &'p str) -> impl DoubleEndedIterator<Item = &'p str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a cookie; of several the last, as Starlette reads them.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The path as servers hand it to apps; `None` for what asks for none.
pub(crate) fn path(target: &Target<'_>) -> Option<String> {
    let path: Vec<u8> = decoded(target.path()?).collect();
    Some(match String::from_utf8(path) {
        Ok(path) => path,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// See [`Asked::paths`].
pub(crate) fn paths<'p>(path: &'p str, root_path: &'p str, bases: &'p [String]) -> impl Iterator<Item = &'p str> {
    let below = move |base: &str| {
        let rest = path.strip_prefix(base).filter(|_| !base.is_empty())?;
        rest.starts_with('/').then_some(rest)
    };
    let mounted = below(root_path.trim_end_matches('/'));
    mounted.into_iter().chain(bases.iter().filter_map(move |base| below(base))).chain([path])
}

/// As Starlette's `cookie_parser` reads them: what has no `=` is a value without a name.
fn cookies(head: &Head<'_>) -> Vec<(String, String)> {
    let mut cookies = Vec::new();
    for line in head.values(Field::Cookie) {
        let line = latin1(line);
        for part in line.split(';') {
            let (name, value) = part.split_once('=').unwrap_or(("", part));
            let (name, value) = (name.trim(), value.trim());
            if !name.is_empty() || !value.is_empty() {
                cookies.push((name.to_owned(), unquoted(value).to_owned()));
            }
        }
    }
    cookies
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Fields are bytes, which ASGI apps read as Latin-1.
pub(crate) fn latin1(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(value.iter().map(|&byte| char::from(byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use buckler_http::head::Version;

    use super::*;

    fn asked(target: &str, cookie: &str) -> Asked {
        let mut head = Head::new("GET", target.as_bytes(), Version::Http11);
        if !cookie.is_empty() {
            head.push(b"cookie", cookie.as_bytes());
        }
        Asked::of(&head, &Target::parse(target.as_bytes()).unwrap()).unwrap()
    }

    // R40
    #[test]
    fn a_request_is_read_as_starlette_reads_it() {
        let asked = asked("/%61/b%20c/%ff?q=1&q=%32&e=&+x=a+b&=y&z", "a=1; b = \"two\" ;c;; a=2");
        assert_eq!(asked.path, "/a/b c/\u{fffd}");
        assert_eq!(asked.query("q").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(asked.query(" x").collect::<Vec<_>>(), ["a b"]);
        assert_eq!((asked.query("e").next(), asked.query("z").next()), (Some(""), Some("")));
        assert_eq!((asked.cookie("a"), asked.cookie("b"), asked.cookie("")), (Some("2"), Some("two"), Some("c")));
        assert_eq!(asked.cookie("d"), None);
    }

    #[test]
    fn an_app_that_stands_below_a_path_is_asked_for_what_is_behind_it() {
        let asked = asked("/api/v1/a", "");
        let bases = ["/v1".to_owned(), "/api/v1".to_owned(), String::new()];
        assert_eq!(asked.paths("/api", &bases).collect::<Vec<_>>(), ["/v1/a", "/a", "/api/v1/a"]);
        assert_eq!(asked.paths("/ap", &[]).collect::<Vec<_>>(), ["/api/v1/a"]);
        assert_eq!(asked.paths("", &[]).collect::<Vec<_>>(), ["/api/v1/a"]);
    }
}
