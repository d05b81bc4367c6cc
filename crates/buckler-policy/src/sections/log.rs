//! `[log]`: access and event log.

use super::Section;
use crate::grammar::OneOf;
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{AccessLog, Log, LogFormat};
use crate::sources::Host;

pub(crate) static SECTION: Section = Section { path: "log", doc: "Access and event log.", keys: &[&FORMAT, &ACCESS] };

pub(crate) static FORMAT: Key<OneOf<LogFormat>> = Key {
    about: About {
        path: "log.format",
        doc: "`json` writes one object a line, `human` is for reading.",
        preset: Preset::ByEnvironment { deployed: "\"json\"", development: "\"human\"" },
        why: "in production programs read logs, in development people do",
        example: "\"json\"",
        aliases: &["log_format", "style", "formatter"],
    },
    grammar: OneOf { words: &[("json", LogFormat::Json), ("human", LogFormat::Human)] },
};

pub(crate) static ACCESS: Key<OneOf<AccessLog>> = Key {
    about: About {
        path: "log.access",
        doc: "`all` writes a line for each request, `refusals` for refused, monitored and failed ones. In process, \
              where the server writes an access log of its own, the default is `refusals`.",
        preset: Preset::Always("\"all\""),
        why: "an incident is reconstructed from the requests that were let pass",
        example: "\"refusals\"",
        aliases: &["access_log", "requests", "level"],
    },
    grammar: OneOf { words: &[("all", AccessLog::All), ("refusals", AccessLog::Refusals)] },
};

pub(crate) fn read(reader: &mut Reader) -> Read<Log> {
    let format = reader.read(&FORMAT);
    let access = reader.read(&ACCESS);
    let access = match access? {
        AccessLog::All if reader.host == Host::InProcess && !reader.is_set(&ACCESS) => AccessLog::Refusals,
        access => access,
    };
    Ok(Log { format: format?, access })
}
