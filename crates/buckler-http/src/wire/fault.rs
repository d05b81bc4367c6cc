//! What can be wrong with the bytes of a request.

macro_rules! faults {
    ($($fault:ident = $text:literal, $source:literal;)*) => {
        /// Why bytes are not taken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum WireFault {
            $(#[doc = concat!($text, " (", $source, ")")] #[error($text)] $fault,)*
        }

        impl WireFault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$fault,)*];

            /// What is wrong, in words that hold nothing of what was sent.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$fault => $text,)* }
            }

            /// The section that says so.
            pub const fn source_section(self) -> &'static str {
                match self { $(Self::$fault => $source,)* }
            }
        }
    };
}

faults! {
    EmptyLines = "more than one empty line stands before the request line", "RFC 9112 §2.2";
    Method = "the request line does not begin with a method", "RFC 9112 §3.1";
    Target = "the request target holds a character that none may hold", "RFC 9112 §3.2";
    Spaces = "the parts of the request line are not separated by one space each", "RFC 9112 §3";
    NoVersion = "the request line names no version of HTTP", "RFC 9112 §3";
    Version = "the request line does not end with HTTP/1.1 or HTTP/1.0", "RFC 9112 §2.3";
    BareLineFeed = "a line ends with LF alone", "RFC 9112 §2.2";
    BareCarriageReturn = "a CR stands without its LF", "RFC 9112 §2.2";
    Folded = "a field line is folded, or white space stands before the first one", "RFC 9112 §5.2, §2.2";
    Name = "the name of a header field is no token", "RFC 9110 §5.1";
    SpaceBeforeColon = "white space stands between the name of a header field and its colon", "RFC 9112 §5.1";
    NoColon = "a field line has no colon", "RFC 9112 §5";
    Value = "the value of a header field holds a control character", "RFC 9110 §5.5";
    HostTwice = "the request names its host twice", "RFC 9112 §3.2";
    LengthTwice = "the request says the length of its body twice", "RFC 9112 §6.3";
    Length = "the length of the body is not a number", "RFC 9110 §8.6";
    LengthAndCoding = "the request gives its body a length and a transfer coding", "RFC 9112 §6.1";
    CodingTwice = "the request names its transfer coding twice", "RFC 9112 §6.1";
    Coding = "the transfer coding is not chunked alone", "RFC 9112 §6.1";
    CodingInHttp10 = "Transfer-Encoding belongs to HTTP/1.1 alone", "RFC 9112 §6.1";
    ChunkSize = "the size of a chunk is not a hexadecimal number", "RFC 9112 §7.1";
    ChunkExtension = "a chunk has an extension that is too long or holds a control character", "RFC 9112 §7.1.1";
    ChunkEnd = "a chunk is not followed by the end of its line", "RFC 9112 §7.1";
    Trailers = "the trailers are longer than this service takes", "RFC 9112 §7.1.2";
    TrailerOfFraming = "a trailer names a field that only a head may have", "RFC 9110 §6.5.1";
    AheadOfUpgrade = "bytes were sent before the upgrade was agreed", "RFC 6455 §4.1, RFC 9110 §7.8";
}
