//! How a document is read where the framework behind us reads on its own.

/// How strictly requests are held to a document. Answers are always held to it as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reading {
    /// What a value may be written as.
    pub types: Types,
    /// What members an object may have.
    pub names: Names,
}

/// What a value may be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Types {
    /// As Pydantic reads by default: what it coerces is taken, so nothing is refused that the app would accept. Values
    /// of parameters are texts and are read so, too.
    Lax,
    /// As the document says: `"1"` is no integer.
    Strict,
}

/// What members an object may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Names {
    /// Members that no schema names are taken.
    Open,
    /// They are refused at every depth, also across compositions. An object whose schema names nothing stays open.
    Closed,
}

impl Reading {
    /// The document to the letter.
    pub const LITERAL: Self = Self { types: Types::Strict, names: Names::Open };

    /// What the framework would refuse by itself, and nothing else.
    pub const OF_THE_APP: Self = Self { types: Types::Lax, names: Names::Open };
}
