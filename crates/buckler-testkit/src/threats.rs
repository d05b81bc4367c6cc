//! The table of `THREATS.md`: each threat, what is done about it, and the tests that prove it.

use std::collections::BTreeSet;
use std::path::Path;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threat {
    /// Counted from 1.
    pub line: usize,
    /// What somebody could do.
    pub threat: String,
    /// Names of tests: functions, or headings of cases.
    pub tests: Vec<String>,
}

/// Reads the table.
///
/// # Errors
/// A row that has not three cells, or names no test.
pub fn read(text: &str) -> Result<Vec<Threat>, String> {
    let mut threats = Vec::new();
    let rows = text.lines().zip(1..).filter(|(line, _)| line.starts_with('|'));
    for (line, at) in rows {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [threat, mitigation, tests] = cells.as_slice() else {
            return Err(format!("THREATS.md:{at}: a row has three cells"));
        };
        if *threat == "threat" || threat.chars().all(|c| c == '-') {
            continue;
        }
        let tests: Vec<String> = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if tests.is_empty() || mitigation.is_empty() {
            return Err(format!("THREATS.md:{at}: the row names no mitigation or no test in backticks"));
        }
        threats.push(Threat { line: at, threat: (*threat).to_owned(), tests });
    }
    Ok(threats)
}

/// Everything in the repository that can be named as a test.
///
/// # Errors
/// A folder or file cannot be read.
pub fn known(root: &Path) -> std::io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for folder in ["crates", "cases", "tests", "examples"] {
        collect(&root.join(folder), &mut names)?;
    }
    Ok(names)
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !matches!(path.file_name().and_then(|n| n.to_str()), Some("target" | "node_modules" | ".venv")) {
                collect(&path, names)?;
            }
            continue;
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => names.extend(rust_tests(&std::fs::read_to_string(&path)?)),
            Some("py") => names.extend(python_tests(&std::fs::read_to_string(&path)?)),
            Some("md") if folder.ends_with("cases") => {
                let text = std::fs::read_to_string(&path)?;
                names.extend(text.lines().filter_map(|line| line.strip_prefix("### ")).map(|h| h.trim().to_owned()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Functions that stand under a test attribute, or within `proptest!`, which puts it there.
fn rust_tests(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut attribute = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attribute = true;
        } else if let Some(name) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            let name = name.split(['(', '<']).next().unwrap_or_default();
            if std::mem::take(&mut attribute) {
                found.push(name.to_owned());
            }
        }
    }
    found
}

fn python_tests(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let functions = lines.filter_map(|line| line.strip_prefix("async def ").or_else(|| line.strip_prefix("def ")));
    let names = functions.filter_map(|function| function.split('(').next());
    names.filter(|name| name.starts_with("test_")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_test_are_mistakes() {
        for text in ["| a | b | c |", "| a | | `c` |", "| a | `c` |"] {
            assert!(read(text).is_err(), "{text}");
        }
        let text = "| threat | mitigation | test |\n|---|---|---|\n| a | b | `c`, `d` |";
        assert_eq!(
            read(text).unwrap(),
            [Threat { line: 3, threat: "a".to_owned(), tests: vec!["c".to_owned(), "d".to_owned()] }]
        );
    }

    #[test]
    fn only_tests_are_known() {
        let text = "fn helper() {}\n#[test]\nfn first() {}\n#[tokio::test(start_paused = true)]\nasync fn second<T>() {}\nfn third() {}";
        assert_eq!(rust_tests(text), ["first", "second"]);
        assert_eq!(python_tests("def test_a():\nasync def test_b(x):\ndef help():"), ["test_a", "test_b"]);
    }
}
