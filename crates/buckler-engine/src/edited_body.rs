//! A request's body that is another one than came, and what of the head spoke of the one that came.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

/// What a body became. It is text, whatever coding the body had.
#[derive(Debug)]
pub struct EditedBody {
    text: Bytes,
}

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const DIGEST: HeaderName = HeaderName::from_static("digest");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Fields that are no longer true: the coding (RFC 9110 §8.4), and digests of what came (RFC 9530 §2 and §3, RFC 3230
/// §4.3.2, RFC 1864). Trailers could hold a digest, too, and go.
const STALE: [HeaderName; 5] = [header::CONTENT_ENCODING, CONTENT_DIGEST, REPR_DIGEST, DIGEST, CONTENT_MD5];

/// What becomes of a field of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a host that overlooks one would pass on what is not true")]
pub enum EditedField {
    /// It stays.
    Stays,
    /// It goes.
    Goes,
    /// It has this value.
    Becomes(HeaderValue),
}

impl EditedBody {
    pub(crate) fn new(text: Vec<u8>) -> Self {
        Self { text: text.into() }
    }

    /// The body.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// What becomes of a field, in whatever case its name is. A length is told where it was told before.
    pub fn field(&self, name: &[u8]) -> EditedField {
        let is = |known: &HeaderName| name.eq_ignore_ascii_case(known.as_str().as_bytes());
        if is(&header::CONTENT_LENGTH) {
            EditedField::Becomes(HeaderValue::from(self.text.len()))
        } else if STALE.iter().any(is) {
            EditedField::Goes
        } else {
            EditedField::Stays
        }
    }
}
