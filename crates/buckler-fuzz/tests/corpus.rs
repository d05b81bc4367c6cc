//! Every input that was worth keeping, through every parser: an attack on one may hurt another.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

type Target = fn(&[u8]);

/// Name, which is also the folder of its corpus, and function. A new target is one line here.
const TARGETS: &[(&str, Target)] = &[
    ("authority", buckler_fuzz::authority),
    ("forwarding", buckler_fuzz::forwarding),
    ("head", buckler_fuzz::head),
    ("json_scanner", buckler_fuzz::json_scanner),
    ("media_type", buckler_fuzz::media_type),
    ("origin", buckler_fuzz::origin),
    ("policy_text", buckler_fuzz::policy_text),
    ("target", buckler_fuzz::target),
    ("wire", buckler_fuzz::wire),
];

#[test]
fn every_corpus_file_passes_through_every_target() {
    for file in corpus().unwrap() {
        let data = fs::read(&file).unwrap();
        for (name, target) in TARGETS {
            // Beginnings too: what is cut off in the middle is the usual hostile variant.
            for end in [data.len(), data.len().saturating_sub(1), data.len() / 2] {
                let result = std::panic::catch_unwind(|| target(&data[..end]));
                assert!(result.is_ok(), "target {name} fails on the first {end} bytes of {}", file.display());
            }
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let mut folders: Vec<String> =
        folders().unwrap().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    folders.sort();
    let mut targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    targets.sort_unstable();
    assert_eq!(folders, targets);
    for folder in self::folders().unwrap() {
        assert!(fs::read_dir(&folder).unwrap().next().is_some(), "{} is empty", folder.display());
    }
}

fn folders() -> io::Result<Vec<PathBuf>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    fs::read_dir(corpus)?.map(|entry| Ok(entry?.path())).collect()
}

fn corpus() -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in folders()? {
        for entry in fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    files.sort();
    Ok(files)
}
