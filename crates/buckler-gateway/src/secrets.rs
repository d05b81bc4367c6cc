//! Fetching what the policy only refers to.
//!
//! No error holds a byte of a secret; it names the place and the mend.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use buckler_policy::secret::{Secret, SecretReference};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

/// How long a command may take to print a secret: a vault over a slow link answers in less.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// The longest secret: a certificate bundle is a few kilobytes, and a mistaken path (a disk image, `/dev/zero`)
/// must not fill the memory.
pub const SECRET_MAX: u64 = 1024 * 1024;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable does not exist.
    #[error("{reference}: the environment variable is not set")]
    Unset {
        /// Where it was looked for.
        reference: SecretReference,
    },
    /// The file cannot be read.
    #[error("{reference}: {source}; name a file that is there and that this user may read")]
    File {
        /// Where it was looked for.
        reference: SecretReference,
        /// Why.
        source: io::Error,
    },
    /// The command cannot be started.
    #[error("{reference}: the program cannot be started: {source}")]
    Start {
        /// What was to be started.
        reference: SecretReference,
        /// Why.
        source: io::Error,
    },
    /// The command failed. What it printed may be secret, so it is not repeated.
    #[error("{reference}: the program failed ({status}); run it by hand to see why")]
    Failed {
        /// What was started.
        reference: SecretReference,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The command did not end.
    #[error("{reference}: the program did not end within {} s", COMMAND_DEADLINE.as_secs())]
    Timeout {
        /// What was started.
        reference: SecretReference,
    },
    /// More than [`SECRET_MAX`].
    #[error("{reference}: more than {SECRET_MAX} bytes, which is no secret")]
    TooLarge {
        /// Where it came from.
        reference: SecretReference,
    },
    /// Nothing, or only white space.
    #[error("{reference}: it is empty")]
    Empty {
        /// Where it came from.
        reference: SecretReference,
    },
    /// Not UTF-8.
    #[error("{reference}: it is not text (UTF-8)")]
    NotText {
        /// Where it came from.
        reference: SecretReference,
    },
}

/// Fetches a secret. The one line end that files and programs put behind it is not part of it.
///
/// # Errors
/// [`SecretError`], naming the reference and never the secret.
pub async fn resolve(reference: &SecretReference) -> Result<Secret, SecretError> {
    let text = match reference {
        SecretReference::Literal(secret) => return Ok(secret.clone()),
        SecretReference::Env(name) => std::env::var_os(name)
            .ok_or_else(|| SecretError::Unset { reference: reference.clone() })?
            .into_string()
            .map_err(|_| SecretError::NotText { reference: reference.clone() })?,
        SecretReference::File(path) => text(reference, file(reference, Path::new(path)).await?)?,
        SecretReference::Command(words) => text(reference, command(reference, words).await?)?,
    };
    if text.trim().is_empty() {
        return Err(SecretError::Empty { reference: reference.clone() });
    }
    Ok(Secret::new(text))
}

async fn file(reference: &SecretReference, path: &Path) -> Result<Vec<u8>, SecretError> {
    let failed = |source| SecretError::File { reference: reference.clone(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    bounded(file).await.map_err(failed)?.ok_or_else(|| SecretError::TooLarge { reference: reference.clone() })
}

async fn command(reference: &SecretReference, words: &[String]) -> Result<Vec<u8>, SecretError> {
    let start = |source| SecretError::Start { reference: reference.clone(), source };
    let (program, arguments) = words.split_first().ok_or_else(|| start(io::ErrorKind::InvalidInput.into()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Programs print what they were given when they fail.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let output = child.stdout.take().ok_or_else(|| start(io::ErrorKind::BrokenPipe.into()))?;
    let run = async {
        let printed = bounded(output).await.map_err(start)?;
        let printed = printed.ok_or_else(|| SecretError::TooLarge { reference: reference.clone() })?;
        let status = child.wait().await.map_err(start)?;
        if status.success() { Ok(printed) } else { Err(SecretError::Failed { reference: reference.clone(), status }) }
    };
    timeout(COMMAND_DEADLINE, run).await.unwrap_or_else(|_| Err(SecretError::Timeout { reference: reference.clone() }))
}

/// Everything, or `None` if it is more than [`SECRET_MAX`].
async fn bounded(source: impl AsyncRead + Unpin) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(SECRET_MAX + 1).read_to_end(&mut bytes).await?;
    Ok((bytes.len() as u64 <= SECRET_MAX).then_some(bytes))
}

fn text(reference: &SecretReference, bytes: Vec<u8>) -> Result<String, SecretError> {
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText { reference: reference.clone() })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "hunter2-canary";

    fn words(words: &[&str]) -> SecretReference {
        SecretReference::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    fn file_with(content: &[u8]) -> (tempfile::NamedTempFile, SecretReference) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let reference = SecretReference::File(file.path().to_str().unwrap().to_owned());
        (file, reference)
    }

    #[tokio::test]
    async fn what_is_no_secret_is_an_error_that_tells_no_secret() {
        let (_keep, binary) = file_with(b"hunter2-canary\xff\xfe");
        let (_keep, empty) = file_with(b" \n");
        let cases = [
            (SecretReference::Env("BUCKLER_TEST_SURELY_UNSET".to_owned()), "not set"),
            (SecretReference::File("/nowhere/at/all".to_owned()), "No such file"),
            (SecretReference::File("/dev/zero".to_owned()), "more than"),
            (binary, "not text"),
            (empty, "empty"),
            (words(&["/nowhere/at/all", CANARY]), "cannot be started"),
            (words(&[]), "cannot be started"),
            (words(&["sh", "-c", "echo hunter2-canary; echo hunter2-canary >&2; exit 3"]), "failed (exit status: 3)"),
            (words(&["yes", CANARY]), "more than"),
        ];
        for (reference, expected) in cases {
            let error = resolve(&reference).await.expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains(CANARY), "{error}");
        }
    }

    #[tokio::test]
    async fn secrets_come_without_the_line_end_behind_them() {
        let (_keep, plain) = file_with(b"hunter2-canary\n");
        let (_keep, windows) = file_with(b"hunter2-canary\r\n");
        let cases = [plain, windows, words(&["echo", CANARY]), words(&["printf", CANARY])];
        for reference in cases {
            assert_eq!(resolve(&reference).await.unwrap().expose(), CANARY, "{reference}");
        }
        let (_keep, two) = file_with(b" a\n\n");
        assert_eq!(resolve(&two).await.unwrap().expose(), " a\n");
        let literal = SecretReference::Literal(Secret::new(CANARY.to_owned()));
        assert_eq!(resolve(&literal).await.unwrap().expose(), CANARY);
    }
}
