//! The file of a region: who gets it, how long it lives, and what is refused.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail a test")]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use buckler_limits::{Allowance, Answer, Check, LimitId, Moment, Rate, StoreDown, Subject, Verdict};
use buckler_store::embedded::{self, Keep, Region, RegionError, RegionSettings};
use buckler_store::{Counters, Reach};

const NOW: Moment = Moment(1_763_208_000_000_000);

fn settings(path: &Path, keep: Keep) -> RegionSettings {
    RegionSettings { path: path.to_owned(), keys: 1_000, keep }
}

/// Whether `key` is allowed one of five a year.
fn asked(region: &Region, key: u64) -> Verdict {
    let rate = Rate::new(5, Duration::from_hours(24 * 365), 5).unwrap();
    let mut subject = Subject::new(LimitId(7));
    subject.push(&key.to_le_bytes());
    let check = Check { subject, allowance: Allowance::Rate(rate), cost: 1, store_down: StoreDown::Closed };
    match region.count(&[check], NOW) {
        Reach::Now(answers) => match answers.as_slice() {
            [Answer::Counted(standing)] => standing.verdict,
            other => panic!("{other:?}"),
        },
        Reach::Later(_) => panic!("it answers at once"),
    }
}

fn left(region: &Region, key: u64) -> usize {
    (0..9).filter(|_| asked(region, key) == Verdict::Allowed).count()
}

// R13
#[test]
fn it_lives_as_long_as_somebody_uses_it() {
    for keep in [Keep::WhileUsed, Keep::Always] {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder.path().join("limits"), keep);
        let first = Region::open(&settings).unwrap();
        assert_eq!(asked(&first, 1), Verdict::Allowed);
        let second = Region::open(&settings).unwrap();
        assert_eq!(asked(&second, 1), Verdict::Allowed);
        // One of them starts again.
        drop(first);
        let third = Region::open(&settings).unwrap();
        assert_eq!((left(&third, 1), left(&second, 1)), (3, 0), "{keep:?}");
        // All of them do.
        drop((second, third));
        let anew = Region::open(&settings).unwrap();
        assert_eq!(left(&anew, 1), if keep == Keep::Always { 0 } else { 5 }, "{keep:?}");
    }
}

// R13: nothing of what need not be kept is left behind, and nothing of others is taken away
#[test]
fn the_last_user_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    for keep in [Keep::WhileUsed, Keep::Always] {
        let (first, second) =
            (Region::open(&settings(&path, keep)).unwrap(), Region::open(&settings(&path, keep)).unwrap());
        drop(first);
        assert!(path.exists(), "{keep:?}: another one goes on with it");
        drop(second);
        assert_eq!(path.exists(), keep == Keep::Always, "{keep:?}");
    }
    let region = Region::open(&settings(&path, Keep::WhileUsed)).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "of somebody else").unwrap();
    drop(region);
    assert_eq!(fs::read_to_string(&path).unwrap(), "of somebody else");
}

// R13: a process that drops nothing at its end leaves nothing, either
#[test]
fn who_leaves_goes_on_and_lets_others_begin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    let (first, second) = (
        Region::open(&settings(&path, Keep::WhileUsed)).unwrap(),
        Region::open(&settings(&path, Keep::WhileUsed)).unwrap(),
    );
    // Of many who end at once, the last one removes it.
    embedded::leave();
    assert!(!path.exists());
    assert_eq!((asked(&first, 1), asked(&second, 1)), (Verdict::Allowed, Verdict::Allowed));
    assert_eq!(left(&first, 1), 3, "they still count together");
    let anew = Region::open(&settings(&path, Keep::WhileUsed)).unwrap();
    assert_eq!(left(&anew, 1), 5);
    drop((first, second));
    assert!(path.exists(), "it is another one's");
}

// R13: all of it is there before it is used, and nobody else may read it
#[test]
fn it_is_taken_up_in_full_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    let region = Region::open(&settings(&path, Keep::WhileUsed)).unwrap();
    let facts = fs::metadata(&path).unwrap();
    assert_eq!(facts.len(), region.bytes());
    assert!(facts.blocks() * 512 >= facts.len(), "{} blocks for {} bytes", facts.blocks(), facts.len());
    assert_eq!(facts.mode() & 0o777, 0o600);
    assert_eq!(region.keys(), 1_000);
    assert_eq!(region.bytes(), 4096 + 64 * 1_000);
}

// R13: of another size while it is used; anew where nobody does and it need not be kept
#[test]
fn all_users_want_the_same_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    let larger = |keep| RegionSettings { keys: 5_000, ..settings(&path, keep) };
    let region = Region::open(&settings(&path, Keep::Always)).unwrap();
    let refused = Region::open(&larger(Keep::WhileUsed)).unwrap_err();
    assert!(matches!(refused, RegionError::Keys { there: 1_000, wanted: 5_000, .. }), "{refused}");
    assert!(refused.to_string().contains("store.keys"), "{refused}");
    drop(region);
    assert!(matches!(Region::open(&larger(Keep::Always)), Err(RegionError::Keys { .. })));
    assert_eq!(Region::open(&larger(Keep::WhileUsed)).unwrap().keys(), 5_000);
}

fn plain(path: &Path, content: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(content).unwrap();
    file.set_permissions(Permissions::from_mode(0o600)).unwrap();
}

// R13: what is not ours is neither used nor overwritten, and the message says what to do
#[test]
fn what_is_not_ours_is_refused() {
    type Make = fn(&Path);
    let hostile: [(&str, Make, &str); 11] = [
        ("text", |path| plain(path, b"a file that somebody needs"), "remove it"),
        ("long text", |path| plain(path, &b"somebody needs it ".repeat(1000)), "remove it"),
        ("a link", |path| symlink("/etc/hostname", path).unwrap(), "no plain file"),
        ("a link to nothing", |path| symlink(path.with_extension("none"), path).unwrap(), "no plain file"),
        (
            "a link to a good one",
            |path| {
                let other = path.with_extension("other");
                drop(Region::open(&settings(&other, Keep::Always)).unwrap());
                symlink(other, path).unwrap();
            },
            "no plain file",
        ),
        (
            "a pipe",
            |path| {
                let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap();
                assert!(made.success());
            },
            "no plain file",
        ),
        (
            "writable by others",
            |path| {
                drop(Region::open(&settings(path, Keep::Always)).unwrap());
                fs::set_permissions(path, Permissions::from_mode(0o602)).unwrap();
            },
            "chmod 600",
        ),
        ("a folder", |path| fs::create_dir(path).unwrap(), "no plain file"),
        (
            "readable by others",
            |path| {
                plain(path, b"");
                fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
            },
            "chmod 600",
        ),
        ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), "no plain file"),
        ("no folder", |path| assert!(!path.exists()), "store.path"),
    ];
    for (what, make, help) in hostile {
        for keep in [Keep::WhileUsed, Keep::Always] {
            let folder = tempfile::tempdir().unwrap();
            let path =
                if what == "no folder" { folder.path().join("none/limits") } else { folder.path().join("limits") };
            make(&path);
            // Who reads a pipe waits for its other end.
            let content = || if what == "a pipe" { None } else { fs::read(&path).ok() };
            let before = content();
            let error = Region::open(&settings(&path, keep)).expect_err(what).to_string();
            assert!(error.contains(help) && error.contains(&path.display().to_string()), "{what}: {error}");
            assert_eq!(content(), before, "{what}");
        }
    }
}

/// Changes a good region that nobody uses.
fn damaged(path: &Path, change: impl Fn(&File)) {
    drop(Region::open(&settings(path, Keep::Always)).unwrap());
    change(&OpenOptions::new().write(true).open(path).unwrap());
}

// R13: a region that is damaged or foreign is not counted in
#[test]
fn what_is_damaged_is_refused() {
    type Change = fn(&File);
    let changes: [(&str, Change); 10] = [
        ("magic", |file| file.write_all_at(b"X", 0).unwrap()),
        ("format", |file| file.write_all_at(&[9], 8).unwrap()),
        ("architecture", |file| file.write_all_at(&[77], 12).unwrap()),
        ("more buckets", |file| file.write_all_at(&u64::MAX.to_le_bytes(), 16).unwrap()),
        ("no buckets", |file| file.write_all_at(&0_u64.to_le_bytes(), 16).unwrap()),
        ("short", |file| file.set_len(4096).unwrap()),
        ("a little short", |file| file.set_len(4096 + 64 * 1_000 - 1).unwrap()),
        ("without the last bucket", |file| file.set_len(4096 + 64 * 1_000 - 512).unwrap()),
        ("long", |file| file.set_len(4096 + 64 * 1_000 + 512).unwrap()),
        ("very short", |file| file.set_len(1).unwrap()),
    ];
    for (what, change) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits");
        damaged(&path, change);
        let error = Region::open(&settings(&path, Keep::Always)).expect_err(what);
        assert!(matches!(error, RegionError::Stranger { .. } | RegionError::Foreign { .. }), "{what}: {error}");
        assert!(error.to_string().contains("remove it"), "{what}: {error}");
    }
}

// R13: no bit of a header may be another: not its sizes, and not the key of its hash, with which all would begin anew
#[test]
fn each_bit_of_a_header_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    drop(Region::open(&settings(&path, Keep::Always)).unwrap());
    let whole = fs::read(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for bit in 0..48 * 8 {
        let mut byte = whole[bit / 8];
        byte ^= 1 << (bit % 8);
        file.write_all_at(&[byte], u64::try_from(bit / 8).unwrap()).unwrap();
        let damaged = fs::read(&path).unwrap();
        let error = Region::open(&settings(&path, Keep::Always)).expect_err("it is damaged");
        assert!(matches!(error, RegionError::Stranger { .. } | RegionError::Foreign { .. }), "bit {bit}: {error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "bit {bit}: it is left to whoever mends it");
        file.write_all_at(&whole, 0).unwrap();
    }
    drop(Region::open(&settings(&path, Keep::Always)).unwrap());
}

// R13: who uses it goes on where its header is damaged or it is removed, and whoever comes is told or begins anew
#[test]
fn what_is_damaged_while_it_is_used() {
    for keep in [Keep::WhileUsed, Keep::Always] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits");
        let region = Region::open(&settings(&path, keep)).unwrap();
        assert_eq!(asked(&region, 1), Verdict::Allowed);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[0x5a; 4096], 0).unwrap();
        assert!(matches!(Region::open(&settings(&path, keep)), Err(RegionError::Stranger { .. })));
        assert_eq!(asked(&region, 1), Verdict::Allowed);
        // What would be made anew, were it not used.
        file.write_all_at(&[0; 4096], 0).unwrap();
        assert!(matches!(Region::open(&settings(&path, keep)), Err(RegionError::Busy { .. })));
        fs::remove_file(&path).unwrap();
        let anew = Region::open(&settings(&path, keep)).unwrap();
        assert_eq!((left(&region, 1), left(&anew, 1)), (3, 5), "{keep:?}");
    }
}

// R13: whoever died while making it leaves it to the next
#[test]
fn what_was_not_finished_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    for (name, length) in [("empty", 0), ("no header yet", 68_096)] {
        let path = folder.path().join(name);
        plain(&path, b"");
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert_eq!(left(&Region::open(&settings(&path, Keep::Always)).unwrap(), 1), 5, "{name}");
    }
}

// R13: whatever stands in the cells, each request gets its answer
#[test]
fn garbage_in_cells_ends_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 1_u64;
    let mut noise = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.rotate_left(31)
    };
    for round in 0..20 {
        let path = folder.path().join(round.to_string());
        let fill: Vec<u8> = (0..8_000)
            .flat_map(|_| {
                match round {
                    0 => u64::MAX,
                    1 => 1 << 63,
                    2 => 1,
                    _ if round % 3 == 0 => noise() & noise(),
                    _ => noise(),
                }
                .to_le_bytes()
            })
            .collect();
        damaged(&path, |file| file.write_all_at(&fill, 4096).unwrap());
        let region = Region::open(&settings(&path, Keep::Always)).unwrap();
        for key in 0..2_000 {
            let (first, again) = (asked(&region, key), left(&region, key));
            assert!(again <= 5, "round {round}, key {key}: {first:?} {again}");
        }
    }
}

// R13: what has no room is known at the start, and nothing is taken in vain
#[test]
fn no_room_is_known_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    // More than any disk has.
    let error = Region::open(&RegionSettings { path: path.clone(), keys: 1 << 40, keep: Keep::WhileUsed });
    let RegionError::NoRoom { needed, free, .. } = error.expect_err("no such disk") else { panic!("another error") };
    assert!(needed > 1 << 46 && free < needed, "{needed} {free}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0, "what was taken is given back");
    assert_eq!(left(&Region::open(&settings(&path, Keep::WhileUsed)).unwrap(), 1), 5);
}

// R13: several who start at once share one region
#[test]
fn many_start_at_once() {
    for keep in [Keep::WhileUsed, Keep::Always] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits");
        let regions: Vec<Region> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| Region::open(&settings(&path, keep)).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let allowed = regions.iter().filter(|region| asked(region, 1) == Verdict::Allowed).count();
        assert_eq!(allowed, 5);
    }
}

// R13: only a superuser can give a file away, and so try this
#[test]
fn another_users_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    plain(&path, b"");
    let nobody = 65_534;
    if std::os::unix::fs::chown(&path, Some(nobody), None).is_ok() {
        let error = Region::open(&settings(&path, Keep::WhileUsed)).unwrap_err();
        assert!(matches!(error, RegionError::Owner { owner: 65_534, .. }), "{error}");
    }
}
