//! Whether the app's source has changed: what `buckler run` in development looks at.
//!
//! Rules, in order:
//! 1. Files are looked at, not subscribed to: that works on every file system, mounted ones included, and what is
//!    ignored costs nothing. A look may take a twentieth of the time, however large the folder is.
//! 2. Python files and `.env` count. Data that the app writes beside its source must not restart it.
//! 3. Folders that hold no source of the app are passed over ([`PASSED_OVER`], hidden ones, virtual environments by
//!    their `pyvenv.cfg`), and so are links to folders, which may lead in circles.
//! 4. A change is told when nothing has changed for a moment, so that a half-written file, or half of a checkout, is
//!    not what is started; and once in [`LONGEST_UNREST`] in any case.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long after a change a person expects to see it: not yet a wait.
const PAUSE: Duration = Duration::from_millis(400);

/// How long nothing may have changed.
const REST: Duration = Duration::from_millis(100);

/// Somebody writes all the time; the app gets what there is.
const LONGEST_UNREST: Duration = Duration::from_secs(5);

/// Looking takes one part of so many of the time.
const SHARE: u32 = 20;

/// More than a large monorepo's worth of names; beyond them nothing is looked at.
const MOST_ENTRIES: usize = 100_000;

/// Deeper than any package.
const DEEPEST: usize = 32;

/// Names in one line of the log.
const NAMED: usize = 3;

/// Folders without source of the app.
const PASSED_OVER: [&str; 4] = ["__pycache__", "node_modules", "site-packages", "venv"];

/// What tells that a file is another: time, size, and the file itself (an editor may replace it).
type Stamp = (i64, i64, u64, u64);

type Seen = BTreeMap<PathBuf, Stamp>;

/// The app's source as it was last seen.
#[derive(Debug)]
pub struct Changes {
    folder: PathBuf,
    seen: Seen,
}

impl Changes {
    /// Remembers the source as it is now. Do that before the app is imported: what changes meanwhile is told then.
    pub fn since_now(folder: PathBuf) -> Self {
        let seen = look(&folder);
        Self { folder, seen }
    }

    /// Waits until it has changed, and tells the files in a few words. Cancelling loses no change.
    pub async fn next(&mut self) -> String {
        let mut pause = PAUSE;
        loop {
            sleep(pause).await;
            let (mut now, took) = self.look().await;
            pause = PAUSE.max(took * SHARE);
            if now == self.seen {
                continue;
            }
            let unrest = Instant::now();
            loop {
                sleep(REST.max(took * SHARE)).await;
                let (again, _) = self.look().await;
                let rests = again == now;
                now = again;
                if rests || unrest.elapsed() >= LONGEST_UNREST {
                    break;
                }
            }
            let names = named(&self.folder, &self.seen, &now);
            self.seen = now;
            if let Some(names) = names {
                return names;
            }
        }
    }

    async fn look(&self) -> (Seen, Duration) {
        let began = Instant::now();
        let folder = self.folder.clone();
        // A look that broke off has seen no change.
        let seen = tokio::task::spawn_blocking(move || look(&folder)).await.unwrap_or_else(|_| self.seen.clone());
        (seen, began.elapsed())
    }
}

/// Which files differ; `None` if what changed has changed back.
fn named(folder: &Path, before: &Seen, after: &Seen) -> Option<String> {
    let other = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let files: Vec<&PathBuf> = after.keys().filter(other).chain(gone).collect();
    let shown: Vec<String> =
        files.iter().take(NAMED).map(|path| path.strip_prefix(folder).unwrap_or(path).display().to_string()).collect();
    match files.len().checked_sub(shown.len()) {
        _ if files.is_empty() => None,
        Some(0) | None => Some(shown.join(", ")),
        Some(more) => Some(format!("{} and {more} more", shown.join(", "))),
    }
}

fn look(folder: &Path) -> Seen {
    let mut seen = Seen::new();
    let mut left = MOST_ENTRIES;
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        // What cannot be read cannot be imported either.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Some(fewer) = left.checked_sub(1) else { return seen };
            left = fewer;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if depth < DEEPEST && holds_source(&entry) {
                    folders.push((entry.path(), depth + 1));
                }
            } else if is_source(&entry.path())
                // Of a link what it leads to: that is what is imported.
                && let Ok(facts) = fs::metadata(entry.path())
            {
                seen.insert(entry.path(), stamp(&facts));
            }
        }
    }
    seen
}

fn holds_source(folder: &DirEntry) -> bool {
    let name = folder.file_name();
    !name.as_encoded_bytes().starts_with(b".")
        && !PASSED_OVER.iter().any(|passed| name == OsStr::new(passed))
        && !folder.path().join("pyvenv.cfg").exists()
}

fn is_source(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("py")) || path.file_name() == Some(OsStr::new(".env"))
}

fn stamp(facts: &Metadata) -> Stamp {
    (facts.mtime(), facts.mtime_nsec(), facts.size(), facts.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn source_counts_and_nothing_else() {
        // R09
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write(at, "main.py", "1");
        write(at, "shop/models.py", "1");
        write(at, "env/pyvenv.cfg", "");
        std::os::unix::fs::symlink(at, at.join("shop/circle")).unwrap();
        let passed = [
            "data.json",
            "shop/notes.txt",
            "shop/__pycache__/models.py",
            ".git/hook.py",
            ".venv/lib/a.py",
            "venv/b.py",
            "env/lib/c.py",
            "node_modules/gyp/d.py",
            "lib/site-packages/e.py",
        ];
        let before = look(at);
        assert_eq!(before.len(), 2, "{before:?}");
        for name in passed {
            write(at, name, "1");
            assert_eq!(look(at), before, "{name}");
        }
        for (name, text) in [("main.py", "12"), ("new.py", "1"), (".env", "A=1"), ("shop/new/__init__.py", "")] {
            let before = look(at);
            write(at, name, text);
            assert_eq!(named(at, &before, &look(at)).as_deref(), Some(name));
        }
        let before = look(at);
        fs::remove_file(at.join("new.py")).unwrap();
        assert_eq!(named(at, &before, &look(at)).as_deref(), Some("new.py"));
    }

    #[test]
    fn an_editor_that_replaces_the_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "main.py", "1");
        let before = look(folder.path());
        write(folder.path(), "main.py~", "2");
        let old = fs::metadata(folder.path().join("main.py")).unwrap().modified().unwrap();
        let new = fs::File::open(folder.path().join("main.py~")).unwrap();
        new.set_modified(old).unwrap();
        fs::rename(folder.path().join("main.py~"), folder.path().join("main.py")).unwrap();
        assert_eq!(named(folder.path(), &before, &look(folder.path())).as_deref(), Some("main.py"));
    }

    #[test]
    fn many_files_are_one_short_line() {
        let folder = tempfile::tempdir().unwrap();
        let before = look(folder.path());
        for name in ["a.py", "b.py", "c.py", "d.py", "e.py"] {
            write(folder.path(), name, "");
        }
        let told = named(folder.path(), &before, &look(folder.path())).unwrap();
        assert_eq!(told, "a.py, b.py, c.py and 2 more");
        assert_eq!(named(folder.path(), &before, &before), None);
    }

    #[tokio::test]
    async fn what_changed_before_it_was_asked_for_is_told() {
        // R09
        let folder = tempfile::tempdir().unwrap();
        let mut changes = Changes::since_now(folder.path().to_owned());
        write(folder.path(), "main.py", "1");
        assert_eq!(changes.next().await, "main.py");
        write(folder.path(), "main.py", "22");
        assert_eq!(changes.next().await, "main.py");
    }
}
