//! The private folder of one run: the workers' sockets and their Python side.

use std::env;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Begins the folder's name. The Python side removes an orphaned folder only if its name begins so.
const PREFIX: &str = "buckler-";

/// A socket's path may have 107 bytes and a closing NUL (`sun_path`, unix(7)).
const LONGEST_SOCKET: usize = 107;

/// `/` and the longest name of [`Directory::socket`].
const LONGEST_NAME: usize = "/65535.4294967295.sock".len();

/// The Python side, as files.
const SOURCES: [(&str, &str); 17] = [
    ("__main__.py", include_str!("python/__main__.py")),
    ("buckler_worker/__init__.py", include_str!("python/buckler_worker/__init__.py")),
    // What the wheel, which reads apps in their own process, has too.
    ("buckler_worker/applications.py", include_str!("python/buckler_worker/applications.py")),
    ("buckler_worker/_fields.py", include_str!("python/buckler_worker/_fields.py")),
    ("buckler_worker/_models.py", include_str!("python/buckler_worker/_models.py")),
    ("buckler_worker/_operations.py", include_str!("python/buckler_worker/_operations.py")),
    ("buckler_worker/dependencies.py", include_str!("python/buckler_worker/dependencies.py")),
    ("buckler_worker/edge.py", include_str!("python/buckler_worker/edge.py")),
    ("buckler_worker/facts.py", include_str!("python/buckler_worker/facts.py")),
    ("buckler_worker/middlewares.py", include_str!("python/buckler_worker/middlewares.py")),
    ("buckler_worker/reports.py", include_str!("python/buckler_worker/reports.py")),
    ("buckler_worker/responses.py", include_str!("python/buckler_worker/responses.py")),
    ("buckler_worker/routes.py", include_str!("python/buckler_worker/routes.py")),
    ("buckler_worker/servers.py", include_str!("python/buckler_worker/servers.py")),
    ("buckler_worker/target.py", include_str!("python/buckler_worker/target.py")),
    ("buckler_worker/with_granian.py", include_str!("python/buckler_worker/with_granian.py")),
    ("buckler_worker/words.py", include_str!("python/buckler_worker/words.py")),
];

/// No folder could be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "no private folder for the workers' sockets could be made in {}: {error}; \
     set XDG_RUNTIME_DIR to a short path that only this user may write to",
    .tried.display()
)]
pub struct DirectoryError {
    tried: PathBuf,
    error: io::Error,
}

/// The folder, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Directory(TempDir);

impl Directory {
    /// Under `$XDG_RUNTIME_DIR` where it is this user's own, else under the folder for temporary files, else `/tmp`.
    pub(crate) fn create() -> Result<Self, DirectoryError> {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| is_private(path));
        let places = runtime.into_iter().chain([env::temp_dir(), PathBuf::from("/tmp")]);
        let mut failed = None;
        for place in places {
            match Self::create_in(&place) {
                Ok(made) => return Ok(made),
                Err(error) => failed = Some(DirectoryError { tried: place, error }),
            }
        }
        Err(failed
            .unwrap_or_else(|| DirectoryError { tried: PathBuf::from("/tmp"), error: io::ErrorKind::NotFound.into() }))
    }

    fn create_in(place: &Path) -> io::Result<Self> {
        let made = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(std::path::absolute(place)?)?;
        if made.path().as_os_str().as_bytes().len() + LONGEST_NAME > LONGEST_SOCKET {
            return Err(io::Error::other("its path is too long for a socket"));
        }
        let package = made.path().join("python/buckler_worker");
        fs::create_dir_all(package)?;
        for (name, text) in SOURCES {
            fs::write(made.path().join("python").join(name), text)?;
        }
        Ok(Self(made))
    }

    /// What Python is told to run.
    pub(crate) fn program(&self) -> PathBuf {
        self.0.path().join("python")
    }

    /// A path for one life of one worker: never used twice, so that a stale socket is never taken for a live one.
    pub(crate) fn socket(&self, slot: u16, generation: u32) -> PathBuf {
        self.0.path().join(format!("{slot}.{generation}.sock"))
    }
}

/// Whether a folder belongs to this user alone (XDG Base Directory Specification: `XDG_RUNTIME_DIR`).
fn is_private(path: &Path) -> bool {
    const OTHERS: u32 = 0o077;
    path.is_absolute()
        && path.metadata().is_ok_and(|facts| {
            facts.is_dir() && facts.mode() & OTHERS == 0 && facts.uid() == rustix::process::geteuid().as_raw()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_short_and_removed() {
        // R09
        let directory = Directory::create().unwrap();
        let root = directory.0.path().to_owned();
        assert_eq!(fs::metadata(&root).unwrap().mode() & 0o777, 0o700);
        assert!(directory.socket(u16::MAX, u32::MAX).as_os_str().len() <= LONGEST_SOCKET);
        assert_ne!(directory.socket(1, 1), directory.socket(1, 2));
        for (name, _) in SOURCES {
            assert!(directory.program().join(name).is_file(), "{name}");
        }
        drop(directory);
        assert!(!root.exists());
    }

    #[test]
    fn places_that_do_not_do() {
        let outer = tempfile::tempdir().unwrap();
        let long = outer.path().join("x".repeat(LONGEST_SOCKET));
        fs::create_dir(&long).unwrap();
        assert!(Directory::create_in(&long).unwrap_err().to_string().contains("too long"));
        assert!(Directory::create_in(&outer.path().join("gone")).is_err());
        fs::set_permissions(&long, Permissions::from_mode(0o755)).unwrap();
        assert!(!is_private(&long));
        fs::set_permissions(&long, Permissions::from_mode(0o700)).unwrap();
        assert!(is_private(&long));
        assert!(!is_private(Path::new("relative")));
    }
}
