//! What a document may cost.

/// Bounds of a document. Beyond one of them it is refused, with the place where that was found.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of the text. The largest public documents have about ten MiB.
    pub bytes: usize,
    /// Arrays and objects open at the same time. Less than where the parser itself gives up.
    pub depth: u32,
    /// Members of all objects together.
    pub members: u32,
    /// Characters of a name or a text; descriptions are long.
    pub string: u32,
    /// Values, counted by their commas.
    pub values: usize,
    /// Path templates.
    pub routes: usize,
    /// Parameters of one operation.
    pub parameters: usize,
    /// Schemas and their parts, each counted once for each direction.
    pub schemas: usize,
    /// `$ref`s that are followed.
    pub references: usize,
    /// Sub-schemas that are tried on one and the same value, all references unfolded.
    pub unfolded: u64,
    /// References and compositions within each other on one and the same value.
    pub nested: u32,
    /// States of one compiled pattern, as estimated before it is compiled.
    pub pattern: u64,
    /// The same of all patterns together.
    pub patterns: u64,
    /// Patterns that only a backtracking engine can run.
    pub backtracking: usize,
    /// Places and names that an [`Outline`](crate::Outline) holds, and schemas that are looked at to make it.
    pub outlined: usize,
    /// Faults, ambiguities and places not enforced that are listed; the others are counted.
    pub listed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            depth: 100,
            members: 2_000_000,
            string: 1 << 20,
            values: 4_000_000,
            routes: 10_000,
            parameters: 1_000,
            schemas: 400_000,
            references: 400_000,
            unfolded: 20_000,
            nested: 64,
            pattern: 250_000,
            patterns: 4_000_000,
            backtracking: 64,
            outlined: 2_000_000,
            listed: 10_000,
        }
    }
}
