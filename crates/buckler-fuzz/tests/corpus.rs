//! Every input that was worth keeping, through every parser: an attack on one may hurt another.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

type Target = fn(&[u8]);

/// Name, which is also the folder of its corpus, and function. A new target is one line here.
const TARGETS: &[(&str, Target)] = &[
    ("answer_errors", buckler_fuzz::answer_errors),
    ("answer_head", buckler_fuzz::answer_head),
    ("authority", buckler_fuzz::authority),
    ("connection_fields", buckler_fuzz::connection_fields),
    ("content_coding", buckler_fuzz::content_coding),
    ("contract", buckler_fuzz::contract),
    ("contract_body", buckler_fuzz::contract_body),
    ("contract_parameters", buckler_fuzz::contract_parameters),
    ("forwarding", buckler_fuzz::forwarding),
    ("frames", buckler_fuzz::frames),
    ("head", buckler_fuzz::head),
    ("json_editor", buckler_fuzz::json_editor),
    ("json_scanner", buckler_fuzz::json_scanner),
    ("limit_text", buckler_fuzz::limit_text),
    ("media_type", buckler_fuzz::media_type),
    ("origin", buckler_fuzz::origin),
    ("policy_text", buckler_fuzz::policy_text),
    ("redact_target", buckler_fuzz::redact_target),
    ("redact_text", buckler_fuzz::redact_text),
    ("response_filter", buckler_fuzz::response_filter),
    ("scope", buckler_fuzz::scope),
    ("target", buckler_fuzz::target),
    ("upstream_address", buckler_fuzz::upstream_address),
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

// The coverage-guided runs are outside of the workspace: nothing else would notice one that is missing.
#[test]
fn every_target_can_be_driven_by_coverage() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let text = fs::read_to_string(fuzz.join("fuzz_targets").join(format!("{name}.rs"))).unwrap_or_default();
        assert!(text.contains(&format!("buckler_fuzz::{name}(data)")), "fuzz/fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml names no {name}");
    }
    assert_eq!(fs::read_dir(fuzz.join("fuzz_targets")).unwrap().count(), TARGETS.len());
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
