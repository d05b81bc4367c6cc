//! How an exchange ends, as a case says it and as a record tells it.

use std::fmt;

use buckler_engine::record::{Note, Outcome, Record, ReplyKind};
use buckler_engine::stage::Finding;
use buckler_http::connection::Peer;

/// A finding by the names that operators see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Name of the stage.
    pub stage: String,
    /// The reason's code.
    pub code: String,
    /// The policy key that decided, if one did.
    pub key: Option<String>,
}

/// The end of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The app's answer was passed on.
    Answered,
    /// A preflight was answered in the app's place.
    Preflight,
    /// A stage refused.
    Refused(Named),
    /// The app or its host failed, with this code.
    Failed(String),
    /// Somebody left.
    Aborted,
    /// What came was no request: its bytes were answered without a head to judge.
    Early(String),
}

/// The whole verdict. What is `None` is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub ending: Ending,
    /// What enforcing would have refused, in order.
    pub monitored: Vec<Named>,
    /// What else was noted, in order.
    pub notes: Vec<String>,
    /// The target as the log shows it.
    pub logged: Option<String>,
    /// Address and scheme of the client.
    pub client: Option<String>,
    /// The host that was asked for.
    pub host: Option<String>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.stage, self.code)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " {key}"))
    }
}

impl From<&Finding> for Named {
    fn from(finding: &Finding) -> Self {
        Self {
            stage: finding.stage.name().to_owned(),
            code: finding.violation.reason.code().to_owned(),
            key: finding.violation.key.map(str::to_owned),
        }
    }
}

impl Verdict {
    /// Reads lines; see `cases/README.md`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read<'t>(lines: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let mut lines = lines.into_iter().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().ok_or("the verdict is empty")?;
        let mut verdict = Self {
            ending: read_ending(first)?,
            monitored: Vec::new(),
            notes: Vec::new(),
            logged: None,
            client: None,
            host: None,
        };
        for line in lines {
            let (word, rest) = line.split_once(' ').ok_or_else(|| format!("`{line}` says nothing"))?;
            let slot = match word {
                "monitored" => {
                    verdict.monitored.push(read_named(rest)?);
                    continue;
                }
                "note" => {
                    verdict.notes.push(rest.to_owned());
                    continue;
                }
                "logged" => &mut verdict.logged,
                "client" => &mut verdict.client,
                "host" => &mut verdict.host,
                _ => return Err(format!("`{word}` is nothing that a verdict says")),
            };
            if slot.replace(rest.to_owned()).is_some() {
                return Err(format!("`{word}` is said twice"));
            }
        }
        Ok(verdict)
    }

    /// The verdict that a record tells; everything is there.
    pub fn of(record: &Record) -> Self {
        let target = record.target.to_string();
        let ending = match &record.outcome {
            // No request has this target; it stands in the record of bytes that are none.
            Outcome::Refused(finding) if target == "-" => Ending::Early(finding.violation.reason.code().to_owned()),
            Outcome::Answered => Ending::Answered,
            Outcome::Replied(ReplyKind::Preflight) => Ending::Preflight,
            Outcome::Refused(finding) => Ending::Refused(Named::from(&**finding)),
            Outcome::Failed(reason) => Ending::Failed(reason.code().to_owned()),
            Outcome::Aborted => Ending::Aborted,
            other => Ending::Failed(format!("{other:?}")),
        };
        let peer = match record.peer {
            Peer::Ip(address) => address.ip().to_string(),
            Peer::Local => "local".to_owned(),
        };
        Self {
            ending,
            monitored: record.monitored.iter().map(|finding| Named::from(&**finding)).collect(),
            notes: record.notes.iter().map(note).collect(),
            logged: Some(target),
            client: Some(format!("{peer} {}", record.scheme.as_str())),
            host: record.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()),
        }
    }

    /// What differs from an observed one, in words.
    pub fn differences(&self, observed: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, expected: String, seen: String| {
            if expected != seen {
                found.push(format!("{what}: expected {expected}, found {seen}"));
            }
        };
        compare("verdict", format!("{:?}", self.ending), format!("{:?}", observed.ending));
        compare("monitored", format!("{:?}", self.monitored), format!("{:?}", observed.monitored));
        compare("notes", format!("{:?}", self.notes), format!("{:?}", observed.notes));
        for (what, expected, seen) in [
            ("logged", &self.logged, &observed.logged),
            ("client", &self.client, &observed.client),
            ("host", &self.host, &observed.host),
        ] {
            if let Some(expected) = expected {
                compare(what, format!("{expected:?}"), format!("{:?}", seen.as_deref().unwrap_or("none")));
            }
        }
        found
    }
}

fn note(note: &Note) -> String {
    match note {
        Note::UnsolicitedForwarding => "unsolicited_forwarding".to_owned(),
        Note::WeakerHeader(name) => format!("weaker_header {name}"),
        Note::ErrorMasked => "error_masked".to_owned(),
        Note::InputStripped => "input_stripped".to_owned(),
        Note::ErrorWouldBeMasked => "error_would_be_masked".to_owned(),
        Note::InputWouldBeStripped => "input_would_be_stripped".to_owned(),
        Note::FieldsStripped => "fields_stripped".to_owned(),
        Note::StringsTrimmed => "strings_trimmed".to_owned(),
        Note::FieldsWouldBeStripped => "fields_would_be_stripped".to_owned(),
        Note::StringsWouldBeTrimmed => "strings_would_be_trimmed".to_owned(),
        Note::NeverReturned => "never_returned".to_owned(),
        Note::WouldNotBeReturned => "would_not_be_returned".to_owned(),
        Note::AnswerStripped => "answer_stripped".to_owned(),
        Note::AnswerWouldBeStripped => "answer_would_be_stripped".to_owned(),
        Note::UndeclaredStatus => "undeclared_status".to_owned(),
        Note::UndeclaredMediaType => "undeclared_media_type".to_owned(),
        Note::LimitUncounted => "limit_uncounted".to_owned(),
        Note::LimitCountedLocally => "limit_counted_locally".to_owned(),
        Note::ResponseUnjudged => "response_unjudged".to_owned(),
        other => format!("{other:?}"),
    }
}

fn read_ending(line: &str) -> Result<Ending, String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let bare = |ending: Ending| if rest.is_empty() { Ok(ending) } else { Err(format!("`{word}` takes nothing")) };
    let code = || if rest.is_empty() { Err(format!("`{word}` needs a code")) } else { Ok(rest.to_owned()) };
    match word {
        "answered" => bare(Ending::Answered),
        "preflight" => bare(Ending::Preflight),
        "aborted" => bare(Ending::Aborted),
        "refused" => read_named(rest).map(Ending::Refused),
        "failed" => code().map(Ending::Failed),
        "early" => code().map(Ending::Early),
        _ => Err(format!("`{line}` is no ending of an exchange")),
    }
}

fn read_named(text: &str) -> Result<Named, String> {
    let mut words = text.split(' ').map(str::to_owned);
    let named = (words.next(), words.next(), words.next(), words.next());
    let (Some(stage), Some(code), key, None) = named else {
        return Err(format!("`{text}` is not `stage code [key]`"));
    };
    let known = buckler_engine::stage::Stage::ALL.iter().any(|known| known.name() == stage);
    if !known {
        return Err(format!("`{stage}` is no stage"));
    }
    if !buckler_engine::Reason::ALL.iter().any(|known| known.code() == code) {
        return Err(format!("`{code}` is no code of a refusal"));
    }
    Ok(Named { stage, code, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_a_mistake() {
        for text in [
            "",
            "passed",
            "answered gladly",
            "refused",
            "refused host",
            "refused hosts host_not_allowed",
            "refused host host_allowed",
            "refused host host_not_allowed server.hosts twice",
            "failed",
            "answered;monitored",
            "answered;monitor host host_not_allowed",
            "answered;client 1.2.3.4 http;client 1.2.3.4 http",
        ] {
            assert!(Verdict::read(text.split(';')).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_compared() {
        let expected = Verdict::read(["answered"]).unwrap();
        let mut observed = Verdict::read(["answered", "client 127.0.0.1 http", "logged /"]).unwrap();
        assert!(expected.differences(&observed).is_empty());
        observed.notes.push("error_masked".to_owned());
        assert_eq!(expected.differences(&observed).len(), 1, "notes always count");
    }
}
