//! Processes that count together, and that are killed while they do. The program starts itself as each of them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may fail a test, and say so"
)]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buckler_limits::{Allowance, Answer, Check, LimitId, Moment, Quota, Rate, StoreDown, Subject, Verdict, Window};
use buckler_store::embedded::{Keep, Region, RegionSettings};
use buckler_store::{Counters, Reach};

/// A moment that all processes agree on, so that nothing comes back while they count.
const NOW: Moment = Moment(1_763_208_000_000_000);

const PROCESSES: u64 = 4;
const THREADS: u64 = 8;
/// Of each thread.
const REQUESTS: u64 = 1_500;
/// Less than is asked for, and no multiple of anything here.
const LIMIT: u64 = 10_007;
/// Processes that are killed while they count.
const KILLS: u64 = 500;
/// Processes that count while others are killed.
const WORKERS: u64 = 2;

fn open(path: &Path, keys: u64) -> Region {
    Region::open(&RegionSettings { path: path.to_owned(), keys, keep: Keep::WhileUsed }).unwrap()
}

fn yearly(count: u64) -> Allowance {
    Allowance::Rate(Rate::new(count, Duration::from_hours(24 * 365), count).unwrap())
}

fn monthly(count: u64) -> Allowance {
    Allowance::Quota(Quota::new(count, Window::Month).unwrap())
}

fn check(limit: u64, key: u64, allowance: Allowance) -> Check {
    let mut subject = Subject::new(LimitId(limit));
    subject.push(&key.to_le_bytes());
    Check { subject, allowance, cost: 1, store_down: StoreDown::Closed }
}

/// What is said to each check of a batch; each is answered, however many ask.
fn ask(region: &Region, batch: &[Check], now: Moment) -> Vec<(Verdict, u64)> {
    let Reach::Now(answers) = region.count(batch, now) else { panic!("it answers at once") };
    let told = |answer: &Answer| match answer {
        Answer::Counted(standing) => (standing.verdict, standing.remaining),
        other => panic!("{other:?}"),
    };
    answers.iter().map(told).collect()
}

fn passes(region: &Region, batch: &[Check], now: Moment) -> bool {
    ask(region, batch, now).iter().all(|(verdict, _)| *verdict == Verdict::Allowed)
}

fn left(region: &Region, check: &Check, now: Moment) -> u64 {
    let look = Check { cost: 0, ..check.clone() };
    ask(region, &[look], now).iter().map(|(_, remaining)| *remaining).sum()
}

/// What children and tests ask, by name.
fn batch(what: &str, process: u64) -> Vec<Check> {
    match what {
        "rate" => vec![check(1, 0, yearly(LIMIT))],
        "quota" => vec![check(2, 0, monthly(LIMIT))],
        // The tight one refuses while the wide one is charged already.
        "wide-tight" => vec![check(3, 0, monthly(LIMIT * 9)), check(4, 0, yearly(LIMIT))],
        "own-shared" => vec![check(5, process, yearly(LIMIT / 3)), check(6, 0, monthly(LIMIT))],
        other => panic!("{other}"),
    }
}

/// Set for those that are started by others: what they are to do.
const CHILD: &str = "BUCKLER_TEST_CHILD";

/// Comes before what a child has counted.
const PASSED: &str = "passed ";

/// A process that does not outlive its test.
struct Started(Option<Child>);

impl Started {
    fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["a_process_counts_alone", "--exact", "--nocapture"]).env(CHILD, arguments.join(" "));
        Self(Some(command.stdout(Stdio::piped()).spawn().unwrap()))
    }

    fn output(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }

    fn has_ended(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_some()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Asks from all its threads, and says how often it passed.
fn hammer(path: &Path, what: &str, process: u64) {
    let (region, passed) = (open(path, 100), AtomicU64::new(0));
    let batch = batch(what, process);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let own = (0..REQUESTS).filter(|_| passes(&region, &batch, NOW)).count();
                passed.fetch_add(u64::try_from(own).unwrap(), Ordering::Relaxed);
            });
        }
    });
    println!("\n{PASSED}{}", passed.load(Ordering::Relaxed));
}

fn child(arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    match arguments.as_slice() {
        ["hammer", path, what, process] => hammer(Path::new(path), what, process.parse().unwrap()),
        ["work", path, reports, now] => work(Path::new(path), Path::new(reports), Moment(now.parse().unwrap())),
        other => panic!("{other:?}"),
    }
}

// R12, R13: and what the others here do is this test with something to do
#[test]
fn a_process_counts_alone() {
    if let Ok(arguments) = std::env::var(CHILD) {
        return child(&arguments);
    }
    let folder = tempfile::tempdir().unwrap();
    for what in ["rate", "quota"] {
        assert_eq!(hammered(&folder.path().join("limits"), what, 1), [LIMIT], "{what}");
    }
}

fn hammered(path: &Path, what: &str, processes: u64) -> Vec<u64> {
    let children: Vec<Started> = (0..processes)
        .map(|process| Started::new(&["hammer", path.to_str().unwrap(), what, &process.to_string()]))
        .collect();
    let counts = children.into_iter().map(|child| {
        let output = child.output();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().find_map(|line| line.strip_prefix(PASSED)).unwrap().parse().unwrap()
    });
    counts.collect()
}

// R12, R13: eight threads of each of four processes never admit one more than the limit, nor one less
#[test]
fn processes_count_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits");
    let region = open(&path, 100);
    for what in ["rate", "quota"] {
        let all: u64 = hammered(&path, what, PROCESSES).iter().sum();
        assert_eq!(all, LIMIT, "{what}");
        assert_eq!(batch(what, 0).iter().map(|check| left(&region, check, NOW)).sum::<u64>(), 0, "{what}");
    }
    // What one of two limits refuses is not charged to the other. For a moment it may be, so less may pass, and what is
    // left is then still there.
    let all: u64 = hammered(&path, "wide-tight", PROCESSES).iter().sum();
    let [wide, tight] = batch("wide-tight", 0).try_into().unwrap();
    assert!(all <= LIMIT && left(&region, &tight, NOW) == LIMIT - all, "{all}");
    assert_eq!(left(&region, &wide, NOW), LIMIT * 9 - all);
    let each = hammered(&path, "own-shared", PROCESSES);
    let all: u64 = each.iter().sum();
    for (process, passed) in (0..).zip(&each) {
        let [own, shared] = batch("own-shared", process).try_into().unwrap();
        assert_eq!(left(&region, &own, NOW), LIMIT / 3 - passed, "{each:?}");
        assert_eq!(left(&region, &shared, NOW), LIMIT - all, "{each:?}");
    }
}

fn wall() -> Moment {
    Moment(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

/// A limit of one in a millisecond: its keys come and go.
fn fleeting(key: u64) -> Check {
    check(7, key, Allowance::Rate(Rate::new(1, Duration::from_millis(1), 1).unwrap()))
}

/// More than they use.
const SHARED: u64 = 1_000_000;

/// What all share that are killed. Most of it is used before, so that it is never to be forgotten.
fn shared() -> Check {
    check(8, 0, yearly(SHARED))
}

/// Counts until it is killed: the key that all share, which it reports byte by byte, and fresh keys that need room.
fn work(path: &Path, reports: &Path, now: Moment) {
    let (region, shared) = (open(path, KEYS), [shared()]);
    let reports = OpenOptions::new().append(true).open(reports).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (region, shared, mut reports) = (&region, &shared, &reports);
            scope.spawn(move || {
                for key in 0_u64.. {
                    if thread == 0 && key.is_multiple_of(64) && passes(region, shared, now) {
                        reports.write_all(b".").unwrap();
                    }
                    let fresh = u64::from(std::process::id()) << 32 | key << 1 | thread;
                    ask(region, &[fleeting(fresh), fleeting(fresh ^ 1 << 63)], wall());
                }
            });
        }
    });
}

/// Eight buckets, so that fresh keys always need one that somebody else has.
const KEYS: u64 = 64;

// R13: a process that is killed at any instruction leaves a region that counts
#[test]
fn the_killed_leave_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, reports) = (folder.path().join("limits"), folder.path().join("reports"));
    File::create(&reports).unwrap();
    let (region, now) = (open(&path, KEYS), wall());
    let (mine, shared) = (check(9, 0, yearly(SHARED)), shared());
    for check in [&mine, &shared] {
        assert!(passes(&region, &[Check { cost: 750_000, ..check.clone() }], now));
    }
    let arguments = ["work", path.to_str().unwrap(), reports.to_str().unwrap(), &now.0.to_string()];
    let mut children: Vec<Started> = (0..WORKERS).map(|_| Started::new(&arguments)).collect();
    for kill in 0..KILLS {
        // From the middle of its start to some milliseconds into its work.
        std::thread::sleep(Duration::from_micros((kill * 7_919) % 2_500));
        let mut child = children.remove(0);
        assert!(!child.has_ended(), "it ended by itself");
        drop(child);
        children.push(Started::new(&arguments));
        assert!(passes(&region, std::slice::from_ref(&mine), now), "kill {kill}");
        assert_eq!(left(&region, &mine, now), SHARED / 4 - kill - 1, "kill {kill}");
    }
    drop(children);
    // Of what was admitted only that is not reported which the killed had no time for, one for each.
    let reported = std::fs::metadata(&reports).unwrap().len();
    let charged = SHARED / 4 - left(&region, &shared, now);
    assert!(reported <= charged && charged <= reported + KILLS + WORKERS, "{reported} reported of {charged}");
    assert!(charged > KILLS / 10, "they hardly worked: {charged}");
    let rest = (0..=SHARED / 4).filter(|_| passes(&region, std::slice::from_ref(&shared), now)).count();
    assert_eq!(u64::try_from(rest).unwrap(), SHARED / 4 - charged);
    // Each bucket still takes keys in, and counts them. By then all that came and went has gone.
    let later = Moment(wall().0 + 1_000_000);
    for key in 0..60 {
        let fresh = check(10, key, yearly(3));
        let passed = (0..6).filter(|_| passes(&region, std::slice::from_ref(&fresh), later)).count();
        assert_eq!(passed, 3, "key {key}");
    }
    println!("    {reported} of {charged} reported, {} processes killed", KILLS + WORKERS);
}
