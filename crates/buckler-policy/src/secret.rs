//! Secrets, and how a policy refers to them.

use std::fmt;

use zeroize::Zeroize;

/// Text that is never shown and is wiped when dropped.
///
/// ```
/// let secret = buckler_policy::secret::Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. The name is long so that reviews see it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is. Whoever starts the service resolves it; this crate only reads the reference.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// `env:NAME`: the value of an environment variable.
    Env(String),
    /// `file:/run/secrets/x`: the content of a file.
    File(String),
    /// `cmd:vault kv get -field=key x`: what a program writes to standard output. Program and arguments, to
    /// be started without a shell.
    Command(Vec<String>),
    /// The secret itself; only in development.
    Literal(Secret),
}

impl fmt::Debug for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretReference({self})")
    }
}

/// Shows where the secret is, never what it is: of a command the program alone, since arguments may be
/// secrets, too.
impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Command(words) => write!(f, "cmd:{} …", words.first().map_or("", |w| w)),
            Self::Literal(_) => f.write_str("a literal"),
        }
    }
}
