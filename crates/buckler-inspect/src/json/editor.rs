//! JSON in, the same JSON out without the members that rules take away.

use smallvec::SmallVec;

use super::{
    JsonFault,
    edit::{Edit, EditLimits, Edited, Rules, Strings, Texts},
    string::StringScan,
    trim::Trimmer,
};

/// White space between a comma and the name after it that is kept; what is beyond it is left out, so that whoever
/// writes nothing else takes no memory.
const MOST_SPACE: usize = 1024;

/// Nesting that needs no allocation.
const SHALLOW: usize = 16;

/// Edits JSON that arrives in chunks. What stays is written byte for byte as it came: the digits of numbers, the order
/// of members, escapes, white space.
///
/// What is written depends on the bytes alone, not on how they are cut. After a fault nothing more is written, and what
/// has been is a beginning of what would have been.
///
/// # What it takes
///
/// More than JSON: nothing is passed on that was not read, yet what a string or a number holds is the business of who
/// reads it. Strings end at the first quote that no backslash escapes, and a scalar is a run of letters, digits,
/// `+`, `-` and `.`, so that `NaN` passes. Brackets, commas, colons and the names of members are held to RFC 8259 (a name
/// has to be UTF-8 without half surrogates, since it is looked up).
///
/// # Cost
///
/// Time is linear. Memory is a few words for each open array and object, the name being read as it was written and
/// unescaped (at most [`EditLimits::name`] characters), and where strings are trimmed, the white space being read.
///
/// ```
/// use buckler_inspect::json::{Edit, EditLimits, JsonEditor, JsonFault, Rules, Strings, Texts};
///
/// struct NoHashes;
///
/// impl Rules for NoHashes {
///     type At = ();
///     fn root(&self) {}
///     fn member(&mut self, _: (), name: &str) -> Edit<()> {
///         if name == "hash" { Edit::Remove } else { Edit::Keep(()) }
///     }
///     fn item(&self, _: (), _: usize) {}
/// }
///
/// let mut out = Vec::new();
/// let mut editor = JsonEditor::new(NoHashes, EditLimits::default(), Texts::One, Strings::AsWritten);
/// editor.push(br#"[{"id": 12345678901234567890, "ha"#, &mut out)?;
/// editor.push(br#"sh": {"a": [1]}}, {"\u0068ash": 1, "n": 2}]"#, &mut out)?;
/// assert_eq!(editor.finish()?.0.removed, 2);
/// assert_eq!(out, br#"[{"id": 12345678901234567890}, { "n": 2}]"#);
/// # Ok::<(), JsonFault>(())
/// ```
#[derive(Debug)]
pub struct JsonEditor<R: Rules> {
    rules: R,
    limits: EditLimits,
    texts: Texts,
    strings: Strings,
    state: State,
    /// Bytes of all chunks before the current one.
    offset: u64,
    nesting: SmallVec<[Open<R::At>; SHALLOW]>,
    /// The place of the value that the name before it leads to.
    value: R::At,
    /// How many arrays and objects are open around a member that goes, while it does.
    removing: Option<usize>,
    /// What came before the end of a name and is not decided: a comma, white space, the name as it was written.
    held: Vec<u8>,
    /// What stands before the name that is not decided.
    before: Before,
    /// White space since the comma.
    space: usize,
    name: Vec<u8>,
    scan: StringScan,
    trimmer: Trimmer,
    edited: Edited,
    fault: Option<JsonFault>,
}

/// Where in the grammar the next byte stands; as in the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Value,
    FirstElement,
    FirstName,
    Name,
    Colon,
    AfterElement,
    AfterMember,
    End,
    InName,
    /// In the name of a member of a value that goes.
    InPassedName(Escape),
    InString(Escape),
    InTrimmed,
    InScalar,
}

/// Whether the byte before was a backslash that escapes the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Next,
}

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Brace,
    Comma,
}

/// One array or object that is open.
#[derive(Debug, Clone, Copy)]
enum Open<A> {
    Array { at: A, next: usize },
    Object { at: A, written: Written },
}

/// Whether an object has a member that stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    Members,
}

/// A chunk on its way: what of it is still to be written.
struct Pass<'c, 'o> {
    chunk: &'c [u8],
    /// Where the bytes begin that stay and are not written yet.
    run: usize,
    /// Where the bytes begin that are not decided; they end the run.
    held: Option<usize>,
    out: &'o mut Vec<u8>,
}

impl Pass<'_, '_> {
    /// Writes the run up to a place.
    fn write(&mut self, end: usize) {
        self.out.extend_from_slice(self.chunk.get(self.run..end).unwrap_or_default());
        self.run = end;
    }
}

impl<R: Rules> JsonEditor<R> {
    /// An editor of one body.
    pub fn new(rules: R, limits: EditLimits, texts: Texts, strings: Strings) -> Self {
        let value = rules.root();
        Self {
            rules,
            limits,
            texts,
            strings,
            state: State::Text,
            offset: 0,
            nesting: SmallVec::new(),
            value,
            removing: None,
            held: Vec::new(),
            before: Before::Brace,
            space: 0,
            name: Vec::new(),
            scan: StringScan::default(),
            trimmer: Trimmer::default(),
            edited: Edited::default(),
            fault: None,
        }
    }

    /// Edits the next bytes, and writes what is decided behind what `out` holds.
    ///
    /// # Errors
    ///
    /// What is no JSON, or beyond the limits; from then on always the same.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), JsonFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let is_undecided = self.removing.is_none() && matches!(self.state, State::Name | State::InName);
        let mut pass = Pass { chunk, run: 0, held: is_undecided.then_some(0), out };
        let result = self.scan(&mut pass);
        if let Err(fault) = result {
            self.fault = Some(fault);
            return result;
        }
        if self.removing.is_none() {
            if let Some(held) = pass.held {
                pass.write(held);
                self.held.extend_from_slice(chunk.get(held..).unwrap_or_default());
            } else {
                pass.write(chunk.len());
            }
        }
        self.offset += chunk.len() as u64;
        Ok(())
    }

    /// Ends the body: what was changed, and the rules with what they have learned.
    ///
    /// # Errors
    ///
    /// The fault that [`push`](Self::push) returned, or what only the end shows.
    pub fn finish(self) -> Result<(Edited, R), JsonFault> {
        let offset = self.offset;
        match (self.fault, self.state, self.texts) {
            (Some(fault), ..) => Err(fault),
            (None, State::End, _) | (None, State::Text, Texts::Sequence) => Ok((self.edited, self.rules)),
            (None, State::InScalar, _) if self.nesting.is_empty() => Ok((self.edited, self.rules)),
            (None, State::Text, Texts::One) => Err(JsonFault::Empty { offset }),
            (None, ..) => Err(JsonFault::Truncated { offset }),
        }
    }

    /// What was changed so far.
    pub const fn edited(&self) -> Edited {
        self.edited
    }

    /// The rules, with what they have learned so far.
    pub const fn rules(&self) -> &R {
        &self.rules
    }

    fn scan(&mut self, pass: &mut Pass<'_, '_>) -> Result<(), JsonFault> {
        let chunk = pass.chunk;
        let mut at = 0;
        while let Some((&byte, _)) = chunk.get(at..).and_then(<[u8]>::split_first) {
            at = match self.state {
                State::InString(escape) | State::InPassedName(escape) => self.in_string(escape, at, pass),
                State::InName => self.in_name(at, pass)?,
                State::InTrimmed => self.in_trimmed(at, pass),
                State::InScalar => self.in_scalar(at, pass),
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => self.white(at, pass),
                State::FirstElement if byte == b']' => self.close(at, pass),
                State::Text | State::Value | State::FirstElement => self.value(byte, at, pass)?,
                State::FirstName if byte == b'}' => self.close(at, pass),
                State::FirstName | State::Name => self.member(byte, at, pass)?,
                State::Colon if byte == b':' => self.enter(State::Value, at),
                State::AfterElement if byte == b',' => self.enter(State::Value, at),
                State::AfterElement if byte == b']' => self.close(at, pass),
                State::AfterMember if byte == b',' => self.comma(at, pass),
                State::AfterMember if byte == b'}' => self.close(at, pass),
                State::End if self.texts == Texts::Sequence => self.value(byte, at, pass)?,
                State::End => return Err(JsonFault::TrailingData { offset: self.offset + at as u64 }),
                State::Colon | State::AfterElement | State::AfterMember => return Err(self.syntax(at)),
            };
        }
        Ok(())
    }

    fn syntax(&self, at: usize) -> JsonFault {
        JsonFault::Syntax { offset: self.offset + at as u64 }
    }

    fn enter(&mut self, state: State, at: usize) -> usize {
        self.state = state;
        at + 1
    }

    /// White space between tokens.
    fn white(&mut self, at: usize, pass: &mut Pass<'_, '_>) -> usize {
        if self.state == State::Name
            && let Some(held) = pass.held
        {
            self.space += 1;
            if self.space > MOST_SPACE {
                pass.write(held);
                self.held.extend_from_slice(pass.chunk.get(held..at).unwrap_or_default());
                pass.run = at + 1;
                pass.held = Some(at + 1);
            }
        }
        at + 1
    }

    fn comma(&mut self, at: usize, pass: &mut Pass<'_, '_>) -> usize {
        if self.removing.is_none() {
            pass.held = Some(at);
            (self.before, self.space) = (Before::Comma, 0);
        }
        self.enter(State::Name, at)
    }

    fn member(&mut self, byte: u8, at: usize, pass: &mut Pass<'_, '_>) -> Result<usize, JsonFault> {
        if byte != b'"' {
            return Err(self.syntax(at));
        }
        if self.removing.is_some() {
            return Ok(self.enter(State::InPassedName(Escape::No), at));
        }
        if self.state == State::FirstName {
            pass.held = Some(at);
            self.before = Before::Brace;
        }
        self.name.clear();
        self.scan = StringScan::default();
        Ok(self.enter(State::InName, at))
    }

    fn in_name(&mut self, at: usize, pass: &mut Pass<'_, '_>) -> Result<usize, JsonFault> {
        let chunk = pass.chunk;
        let rest = chunk.get(at..).unwrap_or_default();
        let after = self.scan.scan(rest, self.offset + at as u64, self.limits.name, &mut self.name)?;
        let Some(after) = after else { return Ok(chunk.len()) };
        let end = chunk.len() - after.len();
        self.state = State::Colon;
        self.decide(end, pass)?;
        Ok(end)
    }

    /// Looks the name up that ends here.
    fn decide(&mut self, end: usize, pass: &mut Pass<'_, '_>) -> Result<(), JsonFault> {
        let held = pass.held.take().unwrap_or(end);
        let (Some(Open::Object { at, written }), Ok(name)) = (self.nesting.last_mut(), std::str::from_utf8(&self.name))
        else {
            // The scan takes nothing else, and a name stands in an object only.
            return Err(JsonFault::InvalidUtf8 { offset: self.offset + end as u64 });
        };
        match self.rules.member(*at, name) {
            Edit::Keep(below) => {
                self.value = below;
                let is_first = std::mem::replace(written, Written::Members) == Written::Nothing;
                let comma = usize::from(is_first && self.before == Before::Comma);
                if self.held.is_empty() {
                    if comma > 0 {
                        pass.write(held);
                        pass.run = held + comma;
                    }
                } else {
                    pass.out.extend_from_slice(self.held.get(comma..).unwrap_or_default());
                    self.held.clear();
                    pass.run = held;
                }
            }
            Edit::Remove => {
                if self.held.is_empty() {
                    pass.write(held);
                }
                self.held.clear();
                self.removing = Some(self.nesting.len());
                self.edited.removed += 1;
            }
        }
        Ok(())
    }

    fn value(&mut self, byte: u8, at: usize, pass: &mut Pass<'_, '_>) -> Result<usize, JsonFault> {
        let place = match self.nesting.last_mut() {
            _ if self.removing.is_some() => self.value,
            None => self.rules.root(),
            Some(Open::Object { .. }) => self.value,
            Some(Open::Array { at, next }) => {
                *next += 1;
                self.rules.item(*at, *next - 1)
            }
        };
        match byte {
            b'"' if self.strings == Strings::Trimmed && self.removing.is_none() => {
                pass.write(at + 1);
                self.trimmer = Trimmer::default();
                Ok(self.enter(State::InTrimmed, at))
            }
            b'"' => Ok(self.enter(State::InString(Escape::No), at)),
            b'{' => self.open(Open::Object { at: place, written: Written::Nothing }, State::FirstName, at),
            b'[' => self.open(Open::Array { at: place, next: 0 }, State::FirstElement, at),
            byte if is_scalar(byte) => Ok(self.enter(State::InScalar, at)),
            _ => Err(self.syntax(at)),
        }
    }

    fn open(&mut self, open: Open<R::At>, state: State, at: usize) -> Result<usize, JsonFault> {
        if self.nesting.len() >= self.limits.depth as usize {
            return Err(JsonFault::TooDeep { offset: self.offset + at as u64 });
        }
        self.nesting.push(open);
        Ok(self.enter(state, at))
    }

    fn close(&mut self, at: usize, pass: &mut Pass<'_, '_>) -> usize {
        self.nesting.pop();
        self.end_value(at + 1, pass)
    }

    /// A value has ended before a byte.
    fn end_value(&mut self, end: usize, pass: &mut Pass<'_, '_>) -> usize {
        self.state = match self.nesting.last() {
            Some(Open::Array { .. }) => State::AfterElement,
            Some(Open::Object { .. }) => State::AfterMember,
            None => State::End,
        };
        if self.removing == Some(self.nesting.len()) {
            self.removing = None;
            pass.run = end;
        }
        end
    }

    fn in_string(&mut self, escape: Escape, at: usize, pass: &mut Pass<'_, '_>) -> usize {
        let is_name = matches!(self.state, State::InPassedName(_));
        let go_on = |escape| if is_name { State::InPassedName(escape) } else { State::InString(escape) };
        if escape == Escape::Next {
            return self.enter(go_on(Escape::No), at);
        }
        let chunk = pass.chunk;
        let found = chunk.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)).map(|found| at + found);
        match found {
            None => chunk.len(),
            Some(found) if chunk.get(found) == Some(&b'\\') => self.enter(go_on(Escape::Next), found),
            Some(found) if is_name => self.enter(State::Colon, found),
            Some(found) => self.end_value(found + 1, pass),
        }
    }

    fn in_trimmed(&mut self, at: usize, pass: &mut Pass<'_, '_>) -> usize {
        let chunk = pass.chunk;
        let Some(quote) = self.trimmer.push(chunk.get(at..).unwrap_or_default(), pass.out) else {
            pass.run = chunk.len();
            return chunk.len();
        };
        self.edited.trimmed += u64::from(self.trimmer.is_shorter());
        pass.run = at + quote;
        self.end_value(at + quote + 1, pass)
    }

    fn in_scalar(&mut self, at: usize, pass: &mut Pass<'_, '_>) -> usize {
        let rest = pass.chunk.get(at..).unwrap_or_default();
        let run = rest.iter().take_while(|byte| is_scalar(**byte)).count();
        if run == rest.len() { at + run } else { self.end_value(at + run, pass) }
    }
}

/// Bytes that numbers, literals and what some writers add to them (`NaN`) are made of.
const fn is_scalar(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.')
}
