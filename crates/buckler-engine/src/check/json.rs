//! What a fault of a JSON body means to the client: FastAPI's own shape, so that its clients read on.

use buckler_inspect::json::JsonFault;

use crate::contract::faults::InputFault;
use crate::reason::Reason;
use crate::stage::Violation;

pub(crate) fn violation(fault: &JsonFault) -> Violation {
    // `json_invalid` is what Pydantic calls whatever its parser refuses, too.
    let (kind, key, message) = match fault {
        JsonFault::TooDeep { .. } => ("json_too_deep", "content.json.depth", "the JSON nests too deeply"),
        JsonFault::TooManyKeys { .. } => ("json_too_many_keys", "content.json.keys", "the JSON has too many members"),
        JsonFault::StringTooLong { .. } => ("string_too_long", "content.json.string", "a JSON string is too long"),
        JsonFault::DuplicateMember { .. } => {
            ("json_duplicate_member", "content.mode", "a member stands twice in one object")
        }
        JsonFault::ByteOrderMark { .. } => ("json_invalid", "content.mode", "JSON has no byte order mark"),
        JsonFault::WrongEncoding { .. } => ("json_invalid", "content.mode", "JSON is UTF-8"),
        JsonFault::InvalidUtf8 { .. } => ("json_invalid", "content.mode", "a string is not valid UTF-8"),
        JsonFault::LoneSurrogate { .. } => ("json_invalid", "content.mode", "a string holds half of a surrogate pair"),
        JsonFault::NumberOutOfRange { .. } => ("json_number_out_of_range", "content.mode", "a number is out of range"),
        JsonFault::NumberTooLong { .. } => ("json_number_too_long", "content.mode", "a number is too long"),
        JsonFault::Empty { .. }
        | JsonFault::Truncated { .. }
        | JsonFault::Syntax { .. }
        | JsonFault::TrailingData { .. }
        | JsonFault::ControlCharacter { .. }
        | JsonFault::InvalidEscape { .. } => ("json_invalid", "content.mode", "JSON decode error"),
    };
    Violation {
        faults: vec![InputFault::at_byte(kind, fault.offset(), message)],
        ..Violation::of(key, Reason::ContractViolation, message)
    }
}
