//! The head of a request, read in one pass: a slot for each field that the engine knows.
//!
//! A host hands over method, target and fields as it has them; nothing is copied. Counting happens while the
//! slots are filled, so the limits cost no second pass.

use smallvec::SmallVec;

use crate::forwarding::is_spoofable;

/// The version that the request line names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A request field that the engine reads.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        #[non_exhaustive]
        pub enum Field { $($(#[$doc])* $variant,)* }

        impl Field {
            /// Every field, in the order of the slots.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The lower-case name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

        }
    };
}

fields! {
    /// RFC 9110 §7.2
    Host = "host",
    /// RFC 9110 §8.6
    ContentLength = "content-length",
    /// RFC 9112 §6.1
    TransferEncoding = "transfer-encoding",
    /// RFC 9110 §8.3
    ContentType = "content-type",
    /// RFC 9110 §8.4
    ContentEncoding = "content-encoding",
    /// RFC 9110 §7.6.1
    Connection = "connection",
    /// RFC 9110 §7.8
    Upgrade = "upgrade",
    /// RFC 9110 §11.6.2
    Authorization = "authorization",
    /// De facto: what FastAPI's documentation calls the field of an API key
    XApiKey = "x-api-key",
    /// RFC 6265 §4.2
    Cookie = "cookie",
    /// RFC 6454 §7
    Origin = "origin",
    /// Fetch §3.2.2
    AccessControlRequestMethod = "access-control-request-method",
    /// Fetch §3.2.2
    AccessControlRequestHeaders = "access-control-request-headers",
    /// RFC 7239
    Forwarded = "forwarded",
    /// De facto
    XForwardedFor = "x-forwarded-for",
    /// De facto
    XForwardedProto = "x-forwarded-proto",
    /// De facto
    XForwardedHost = "x-forwarded-host",
    /// De facto
    XRequestId = "x-request-id",
}

const SLOTS: usize = Field::ALL.len();

/// Longer names are none that the engine knows.
const MAX_KNOWN_NAME: usize = 32;

/// Fields that share the length of their name; more would not fit below.
const SAME_LENGTH: usize = 2;

/// Looking up a name means comparing it with the one or two fields that are as long.
static BY_LENGTH: [[Option<Field>; SAME_LENGTH]; MAX_KNOWN_NAME + 1] = by_length();

#[expect(clippy::indexing_slicing, reason = "evaluated while compiling, where a wrong index is an error")]
const fn by_length() -> [[Option<Field>; SAME_LENGTH]; MAX_KNOWN_NAME + 1] {
    let mut table = [[None; SAME_LENGTH]; MAX_KNOWN_NAME + 1];
    let mut at = 0;
    while at < SLOTS {
        let field = Field::ALL[at];
        let row = &mut table[field.name().len()];
        let mut free = 0;
        while row[free].is_some() {
            free += 1;
        }
        row[free] = Some(field);
        at += 1;
    }
    table
}

impl Field {
    /// The field of this name, whatever its case.
    pub fn of(name: &[u8]) -> Option<Self> {
        let candidates = BY_LENGTH.get(name.len())?;
        candidates.iter().flatten().find(|field| name.eq_ignore_ascii_case(field.name().as_bytes())).copied()
    }

    /// Whether only the edge may say it.
    const fn is_spoofable(self) -> bool {
        matches!(
            self,
            Self::Forwarded | Self::XForwardedFor | Self::XForwardedProto | Self::XForwardedHost | Self::XRequestId
        )
    }
}

/// What one field name carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slot<'a> {
    first: Option<&'a [u8]>,
    lines: u32,
}

impl<'a> Slot<'a> {
    /// The value of the first line.
    pub fn first(&self) -> Option<&'a [u8]> {
        self.first
    }

    /// How many lines carry the name.
    pub fn lines(&self) -> u32 {
        self.lines
    }
}

/// The head of a request.
///
/// ```
/// use buckler_http::head::{Field, Head, Version};
/// let mut head = Head::new("GET", b"/", Version::Http11);
/// head.push(b"Host", b"example.com");
/// assert_eq!(head.slot(Field::Host).first(), Some(&b"example.com"[..]));
/// assert_eq!(head.field_lines(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct Head<'a> {
    method: &'a str,
    target: &'a [u8],
    authority: Option<&'a [u8]>,
    version: Version,
    slots: [Slot<'a>; SLOTS],
    /// Second and later lines, which only a chain of proxies sends.
    more: SmallVec<[(Field, &'a [u8]); 4]>,
    /// Lines of fields that have no slot, which only a contract may ask for.
    others: SmallVec<[(&'a [u8], &'a [u8]); 12]>,
    lines: usize,
    bytes: usize,
    alias: Option<Field>,
    spoofable: bool,
    framing_lines: u32,
    body_follows: bool,
    root_path: &'a [u8],
}

/// `SP` twice, `HTTP/1.1` and the two line ends that close request line and head.
const REQUEST_LINE_OVERHEAD: usize = 2 + 8 + 4;
/// `: ` and CRLF.
const FIELD_LINE_OVERHEAD: usize = 4;

impl<'a> Head<'a> {
    /// A head without fields.
    pub fn new(method: &'a str, target: &'a [u8], version: Version) -> Self {
        Self {
            method,
            target,
            authority: None,
            version,
            slots: [Slot::default(); SLOTS],
            more: SmallVec::new(),
            others: SmallVec::new(),
            lines: 0,
            bytes: method.len() + target.len() + REQUEST_LINE_OVERHEAD,
            alias: None,
            spoofable: false,
            framing_lines: 0,
            body_follows: false,
            root_path: b"",
        }
    }

    /// Says what HTTP/2 says in `:authority` (RFC 9113 §8.3.1), apart from the target.
    pub fn set_authority(&mut self, authority: &'a [u8]) {
        self.authority = Some(authority);
        self.bytes = self.bytes.saturating_add(authority.len());
    }

    /// Says that a body follows although no field may announce it: in HTTP/2 it is the stream that does.
    pub fn body_follows(&mut self) {
        self.body_follows = true;
    }

    /// Says at which path the app stands, decoded, where its router takes that off before it looks for a route: what is
    /// mounted, or served below a prefix.
    pub fn set_root_path(&mut self, path: &'a [u8]) {
        self.root_path = path;
    }

    /// The path at which the app stands; empty for the whole service.
    pub fn root_path(&self) -> &'a [u8] {
        self.root_path
    }

    /// Takes one field line, in the order of arrival; the name in any case.
    pub fn push(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(name.len() + value.len() + FIELD_LINE_OVERHEAD);
        if let Some(field) = Field::of(name) {
            self.fill(field, value);
            return;
        }
        self.others.push((name, value));
        self.spoofable |= is_spoofable(name);
        if name.iter().any(|b| matches!(b, b'_' | b'.')) {
            self.alias = self.alias.or_else(|| imitated(name));
        }
        self.alias = self.alias.or_else(|| imitated_framing(name));
    }

    fn fill(&mut self, field: Field, value: &'a [u8]) {
        self.spoofable |= field.is_spoofable();
        let Some(slot) = self.slots.get_mut(field as usize) else { return };
        slot.lines += 1;
        if slot.first.is_none() {
            slot.first = Some(value);
        } else {
            self.more.push((field, value));
        }
        if matches!(field, Field::ContentLength | Field::TransferEncoding) {
            self.framing_lines += 1;
        }
    }

    /// The method, case as received.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The target, byte for byte.
    pub fn target(&self) -> &'a [u8] {
        self.target
    }

    /// What stands in `:authority`.
    pub fn authority(&self) -> Option<&'a [u8]> {
        self.authority
    }

    /// The version of the request line.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What one field carries.
    pub fn slot(&self, field: Field) -> Slot<'a> {
        self.slots.get(field as usize).copied().unwrap_or_default()
    }

    /// The first value of one field.
    pub fn first(&self, field: Field) -> Option<&'a [u8]> {
        self.slot(field).first
    }

    /// The values of all lines of one field, in the order of arrival.
    pub fn values(&self, field: Field) -> impl DoubleEndedIterator<Item = &'a [u8]> + Clone + '_ {
        let more = self.more.iter().filter(move |(f, _)| *f == field).map(|(_, value)| *value);
        self.first(field).into_iter().chain(more)
    }

    /// The values of all lines of a field that has no slot, whatever the case of its name, in the order of arrival.
    pub fn others<'h>(&'h self, name: &'h [u8]) -> impl Iterator<Item = &'a [u8]> + 'h {
        self.others.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Field lines so far.
    pub fn field_lines(&self) -> usize {
        self.lines
    }

    /// Bytes of the head as HTTP/1.1 would carry it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The managed field that some line spells with `_` or `.` for `-`, or, where it is one of framing, with any
    /// separators at all.
    pub fn alias(&self) -> Option<Field> {
        self.alias
    }

    /// Whether some line claims what only the edge may say; see [`is_spoofable`].
    pub fn spoofable(&self) -> bool {
        self.spoofable
    }

    /// Lines that say how long the body is; more than one is ambiguous (RFC 9112 §6.3).
    pub fn framing_lines(&self) -> u32 {
        self.framing_lines
    }

    /// Whether there is a body: announced by the head, or told by the host.
    pub fn has_body(&self) -> bool {
        if self.body_follows {
            return true;
        }
        match self.first(Field::ContentLength) {
            Some(length) => length.iter().any(|&digit| digit != b'0'),
            None => self.slot(Field::TransferEncoding).lines > 0,
        }
    }
}

/// The managed field that a name is an alias of: CGI-style servers fold `_` and `-`, so it could carry what
/// the managed name may not.
fn imitated(name: &[u8]) -> Option<Field> {
    let mut buffer = [0_u8; MAX_KNOWN_NAME];
    let folded = buffer.get_mut(..name.len())?;
    folded.copy_from_slice(name);
    for byte in folded.iter_mut().filter(|b| matches!(b, b'_' | b'.')) {
        *byte = b'-';
    }
    Field::of(folded)
}

/// The field of framing whose letters a name has, between other separators than the one: a reader behind that
/// tidies names up, as in `Transfer---Encoding`, would find a body where there is none.
fn imitated_framing(name: &[u8]) -> Option<Field> {
    const LETTERS: [(&[u8], Field); 2] =
        [(b"contentlength", Field::ContentLength), (b"transferencoding", Field::TransferEncoding)];
    if name.len() < "content-length".len() {
        return None;
    }
    let letters = || name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    // Without any separator it is a name of its own, which some clients do send.
    let (folded, field) = LETTERS.iter().find(|(folded, _)| letters().eq(folded.iter().copied()))?;
    (name.len() > folded.len()).then_some(*field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_field_is_kept_in_order() {
        let mut head = Head::new("GET", b"/", Version::Http11);
        for value in [&b"a"[..], b"b", b"c"] {
            head.push(b"X-Forwarded-For", value);
            head.push(b"Forwarded", b"other");
        }
        let values: Vec<_> = head.values(Field::XForwardedFor).collect();
        assert_eq!(values, [b"a", b"b", b"c"]);
        assert_eq!(head.slot(Field::XForwardedFor).lines(), 3);
        assert_eq!(head.field_lines(), 6);
    }

    #[test]
    fn bytes_are_those_of_the_wire() {
        let mut head = Head::new("GET", b"/p", Version::Http11);
        head.push(b"Host", b"h");
        assert_eq!(head.bytes(), "GET /p HTTP/1.1\r\nHost: h\r\n\r\n".len());
    }

    #[test]
    fn aliases_of_managed_names_are_seen() {
        for (name, expected) in [
            (&b"X_Forwarded_For"[..], Some(Field::XForwardedFor)),
            (b"x-forwarded_for", Some(Field::XForwardedFor)),
            (b"Content.Length", Some(Field::ContentLength)),
            (b"TRANSFER_ENCODING", Some(Field::TransferEncoding)),
            (b"x_custom", None),
            (b"x-forwarded-for", None),
            (b"Transfer---Encoding", Some(Field::TransferEncoding)),
            (b"transfer___encoding", Some(Field::TransferEncoding)),
            (b"-Content-Length", Some(Field::ContentLength)),
            (b"Content+Length", Some(Field::ContentLength)),
            (b"c-o-n-t-e-n-t-length~", Some(Field::ContentLength)),
            (b"ContentLength", None),
            (b"X-Content-Length", None),
            (b"Content-Length-Hint", None),
        ] {
            let mut head = Head::new("GET", b"/", Version::Http11);
            head.push(name, b"v");
            assert_eq!(head.alias(), expected, "{name:?}");
        }
    }
}
