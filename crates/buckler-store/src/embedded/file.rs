//! The file of a region: who may have it, who makes it, and that all of it is there before anybody looks.
//!
//! Its lifetime is known by `flock`: each user holds a shared lock, which goes with the process however that ends, and
//! which children inherit. Whoever gets the lock for itself alone is the first, and makes the region; or, at its end, the
//! last, and removes it where it is not to be kept. So whoever has locked a file looks whether it is still the one of that
//! name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::fs::{FallocateFlags, MemfdFlags, OFlags};
use rustix::io::Errno;

use super::error::RegionError;
use super::header::{HashKey, Header, Read, Sizes};

/// Whether counts outlive the processes that use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// The last process that uses it removes it, and the first one that comes begins anew.
    WhileUsed,
    /// The first process that comes goes on where the last one stopped.
    Always,
}

/// What region is wanted.
#[derive(Debug, Clone)]
pub struct RegionSettings {
    /// Its file. In a file system that is memory nothing is written to a disk.
    pub path: PathBuf,
    /// Live keys to be held exactly, 64 bytes each; between 1 and 2⁴⁰, what lies outside is taken as the nearest of these.
    pub keys: u64,
    /// Whether it outlives its users.
    pub keep: Keep,
}

/// How often it is tried to get hold of a file that others are making, and how long each waits for them: half a second.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// What is read, and written, by its owner alone.
const MODE: u32 = 0o600;

/// An open file with a lock that says that we use it, and its header.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) file: Arc<Locked>,
    pub(super) header: Header,
}

/// A file that is used as long as this lives.
#[derive(Debug)]
pub(super) struct Locked {
    file: File,
    /// What the last user removes.
    passing: Mutex<Option<Passing>>,
}

/// Files of this process that do not outlive their users.
static PASSING: Mutex<Vec<Weak<Locked>>> = Mutex::new(Vec::new());

/// Removes the regions that nobody else uses and that need not be kept: for the end of a process that drops nothing, as an
/// interpreter's. Counts go on for whoever still has one.
pub fn leave() {
    let all: Vec<_> = {
        let all = PASSING.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).collect()
    };
    for locked in all {
        locked.leave();
    }
}

/// A file that does not outlive its users.
#[derive(Debug)]
struct Passing {
    path: PathBuf,
    /// Who opened it. Children have the same lock, and so cannot tell that they are not the last.
    process: u32,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whether a file is the one of this name.
fn is_at(file: &File, path: &Path) -> bool {
    let facts = |facts: std::fs::Metadata| (facts.dev(), facts.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(ours), Ok(named)) => facts(ours) == facts(named),
        _ => false,
    }
}

/// Opens the file, or makes it.
pub(super) fn open(settings: &RegionSettings) -> Result<Held, RegionError> {
    let path = settings.path.as_path();
    let failed = |why| RegionError::Open { path: path.to_owned(), why };
    let sizes = Sizes::of(settings.keys);
    for _ in 0..ATTEMPTS {
        let file = open_ours(path)?;
        match file.try_lock() {
            // We are alone with it.
            Ok(()) => match (Header::read(&file).map_err(failed)?, settings.keep) {
                // What is not ours is not overwritten.
                (Read::Stranger, _) => return Err(RegionError::Stranger { path: path.to_owned() }),
                (Read::Region(_) | Read::Foreign, Keep::WhileUsed) => {
                    // Somebody who has let go of it may look into it once more, and must not find it shortened.
                    if is_at(&file, path) {
                        std::fs::remove_file(path).map_err(failed)?;
                    }
                    continue;
                }
                // Whether it can be kept is judged below.
                (Read::Region(_) | Read::Foreign, Keep::Always) => {}
                (Read::Nothing, _) => make(&file, settings, sizes)?,
            },
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(why)) => return Err(failed(why)),
        }
        // Changing a lock lets go of it for a moment, in which another one may make the file anew. So it is read under the
        // lock that it is used under.
        file.lock_shared().map_err(failed)?;
        if !is_at(&file, path) {
            continue;
        }
        match Header::read(&file).map_err(failed)? {
            Read::Region(header) => {
                let header = matching(path, header, sizes, settings.keys)?;
                let passing = match settings.keep {
                    Keep::WhileUsed => Some(Passing { path: path.to_owned(), process: std::process::id() }),
                    Keep::Always => None,
                };
                return Ok(Held { file: Locked::new(file, passing), header });
            }
            Read::Foreign => return Err(RegionError::Foreign { path: path.to_owned() }),
            Read::Stranger => return Err(RegionError::Stranger { path: path.to_owned() }),
            // Whoever was making it has died.
            Read::Nothing => {
                drop(file);
                std::thread::sleep(PAUSE);
            }
        }
    }
    Err(RegionError::Busy { path: path.to_owned() })
}

fn matching(path: &Path, header: Header, sizes: Sizes, wanted: u64) -> Result<Header, RegionError> {
    if header.sizes == sizes {
        return Ok(header);
    }
    Err(RegionError::Keys { path: path.to_owned(), there: header.sizes.keys(), wanted })
}

fn open_ours(path: &Path) -> Result<File, RegionError> {
    // Not waiting for the other end, should it be a pipe.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .custom_flags(i32::from_ne_bytes(flags.to_ne_bytes()))
        .open(path);
    let file = opened.map_err(|why| {
        let path = path.to_owned();
        match Errno::from_io_error(&why) {
            Some(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => RegionError::NotAFile { path },
            _ => RegionError::Open { path, why },
        }
    })?;
    let facts = file.metadata().map_err(|why| RegionError::Open { path: path.to_owned(), why })?;
    let path = path.to_owned();
    let user = rustix::process::geteuid().as_raw();
    if !facts.is_file() {
        return Err(RegionError::NotAFile { path });
    }
    if facts.uid() != user {
        return Err(RegionError::Owner { path, owner: facts.uid(), user });
    }
    if facts.mode() & 0o077 != 0 {
        return Err(RegionError::Mode { path, mode: facts.mode() & 0o777 });
    }
    Ok(file)
}

/// With the file for ourselves, and nothing in it: leaves a region there.
fn make(file: &File, settings: &RegionSettings, sizes: Sizes) -> Result<(), RegionError> {
    let failed = |why| RegionError::Open { path: settings.path.clone(), why };
    let header = Header { sizes, key: HashKey::random().map_err(failed)? };
    // What cannot have room is not tried: a full disk hurts others, however short.
    if room(file).is_some_and(|free| free < sizes.bytes()) {
        return Err(no_room(file, settings, sizes, Errno::NOSPC.into()));
    }
    let written = fill(file, sizes.bytes()).and_then(|()| header.write(file));
    written.map_err(|why| no_room(file, settings, sizes, why))
}

impl Locked {
    fn new(file: File, passing: Option<Passing>) -> Arc<Self> {
        let is_passing = passing.is_some();
        let locked = Arc::new(Self { file, passing: Mutex::new(passing) });
        if is_passing {
            let mut all = PASSING.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|known| known.strong_count() > 0);
            all.push(Arc::downgrade(&locked));
        }
        locked
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Removes the file, if it need not be kept and nobody else uses it.
    fn leave(&self) {
        let mut passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Passing { path, process }) = &*passing else { return };
        if *process != std::process::id() {
            return;
        }
        if self.file.try_lock().is_err() {
            // Others go on with it. We hold it no longer, so that of many who end at once the last one finds itself alone.
            let _unlocked = self.file.unlock();
            return;
        }
        // Somebody may have removed it already, and another one may stand there.
        if is_at(&self.file, path) {
            let _gone = std::fs::remove_file(path);
        }
        *passing = None;
        // Whoever has opened it in between is to see that it is gone, and not to wait for our children.
        let _unlocked = self.file.unlock();
    }
}

/// Leaves zeros in the whole file, none of them a hole: what has no room is known here, and not by a signal later.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(0)?;
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, bytes),
        Err(why) => Err(why.into()),
    }
}

/// For file systems that cannot allocate otherwise.
fn write_zeros(mut file: &File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file)?;
    file.flush()
}

/// Bytes that are free beside what the file has; `None` where the file system has no bound of its own.
fn room(file: &File) -> Option<u64> {
    let facts = rustix::fs::fstatvfs(file).ok().filter(|facts| facts.f_blocks > 0)?;
    let taken = file.metadata().map_or(0, |facts| facts.blocks().saturating_mul(512));
    Some(facts.f_bavail.saturating_mul(facts.f_frsize).saturating_add(taken))
}

fn no_room(file: &File, settings: &RegionSettings, sizes: Sizes, why: io::Error) -> RegionError {
    let path = settings.path.clone();
    // What was taken so far; where that fails as well the file is as bad as before.
    let _emptied = file.set_len(0);
    match Errno::from_io_error(&why) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
            let free = room(file).unwrap_or_default();
            RegionError::NoRoom { path, keys: settings.keys, needed: sizes.bytes(), free }
        }
        _ => RegionError::Open { path, why },
    }
}

/// Memory that has no name: this process and its children have it.
pub(super) fn private(keys: u64) -> io::Result<Held> {
    let file = File::from(rustix::fs::memfd_create("buckler-limits", MemfdFlags::CLOEXEC)?);
    let header = Header { sizes: Sizes::of(keys), key: HashKey::random()? };
    fill(&file, header.sizes.bytes())?;
    header.write(&file)?;
    Ok(Held { file: Locked::new(file, None), header })
}
