//! Why there is no region.

use std::io;
use std::path::PathBuf;

/// Why a region cannot be had, and how to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The processor has no compare-exchange of 128 bits: one that is emulated holds for one process only.
    #[error(
        "this processor cannot exchange 16 bytes at once, which counting across processes needs; set `store.state` to the \
         address of a Redis"
    )]
    NotLockFree,
    /// It cannot be opened or made.
    #[error("cannot open {}: {why}; set `store.path` to a file in a folder that this user may write to", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A symbolic link, a folder, a pipe: whoever placed it may have more in mind.
    #[error("{} is no plain file; remove it, or set `store.path` to another one", path.display())]
    NotAFile {
        /// What it was expected at.
        path: PathBuf,
    },
    /// Another user's.
    #[error(
        "{} belongs to user {owner}, and this is user {user}; start all processes of the app as one user, remove the file, \
         or set `store.path` to another one", path.display()
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Others may read or write it.
    #[error("others may use {} (mode {mode:03o}); run `chmod 600` on it, or remove it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} is no store of counts, or a damaged one; remove it, or set `store.path` to another file", path.display())]
    Stranger {
        /// The file.
        path: PathBuf,
    },
    /// It was made by another version, or on another kind of machine.
    #[error(
        "{} was made by another version of Buckler; stop what uses it and remove it, or set `store.path` to another file",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was made for another number of keys.
    #[error(
        "{} was made for {there} keys, and `store.keys` asks for {wanted}; write the same for all that use it, or stop them \
         and remove it", path.display()
    )]
    Keys {
        /// The file.
        path: PathBuf,
        /// What it was made for.
        there: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// No room for all of it.
    #[error(
        "{} needs {needed} bytes for {keys} keys, and there are {free}; make room, lower `store.keys`, or set `store.path` \
         to a file where there is more (a container's /dev/shm is small unless its size is set)", path.display()
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Keys asked for.
        keys: u64,
        /// Bytes that they take.
        needed: u64,
        /// Bytes that there are.
        free: u64,
    },
    /// Others keep making it and dying.
    #[error("{} is being made by another process, again and again; stop the others and start anew", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses what every system gives.
    #[error("no shared memory: {why}")]
    System {
        /// What it says.
        why: io::Error,
    },
}
