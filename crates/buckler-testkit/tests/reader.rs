//! The reader of cases drops nothing and understands nothing by half.
#![expect(clippy::expect_used, reason = "helpers of tests may fail a test")]

use buckler_testkit::case::{folder, read};
use proptest::prelude::*;

const FILE: &str = "# Title

Cases: 3

R02

```toml policy
environment = \"development\"
```

### One

```http request
GET / HTTP/1.1
Host: localhost
```

```verdict
answered
```

### Many

```http request
GET / HTTP/1.1
Host: $host
```

| host | verdict |
|---|---|
| `a` | refused host host_not_allowed server.hosts |
| `b` | refused host host_not_allowed server.hosts |
";

fn read_with(from: &str, to: &str) -> Result<usize, String> {
    assert!(FILE.contains(from), "{from}");
    read("f.md", &FILE.replacen(from, to, 1)).map(|cases| cases.len()).map_err(|mistake| mistake.to_string())
}

#[test]
fn a_file_is_read_as_it_is_written() {
    let cases = read("f.md", FILE).unwrap();
    let names: Vec<_> = cases.iter().map(|case| (case.place.as_str(), case.name.as_str())).collect();
    assert_eq!(names, [("f.md:11", "One"), ("f.md:31", "Many – row 1"), ("f.md:32", "Many – row 2")]);
    assert_eq!(cases[0].requirements, ["R02"]);
    assert_eq!(cases[2].request.lines, [("host".to_owned(), b"b".to_vec())]);
}

#[test]
fn what_is_not_understood_is_a_mistake_with_its_line() {
    for (from, to, line, message) in [
        ("Cases: 3", "Cases: 4", 29, "found are 3"),
        ("Cases: 3", "", 29, "Cases: N"),
        ("Cases: 3", "Cases: 3\nCases: 3", 4, "stands once"),
        ("Cases: 3", "Cases: some", 3, "stands once"),
        ("R02", "", 11, "no requirement"),
        ("environment = \"development\"", "enviroment = \"x\"", 7, "environment"),
        ("```toml policy\nenvironment = \"development\"\n```", "", 9, "toml policy"),
        ("```toml policy", "```toml polcy", 7, "outside of a case"),
        ("```http request", "```http requst", 13, "no block of a case"),
        ("```verdict\nanswered\n```", "", 11, "no verdict"),
        ("```verdict\nanswered\n```", "```verdict\nanswered\n```\n```verdict\nanswered\n```", 21, "a second block"),
        ("answered", "anwsered", 18, "no ending"),
        ("answered", "failed upstream_failed", 11, "nothing says what the app received"),
        ("Host: localhost", "Host localhost", 13, "no field line"),
        ("GET / HTTP/1.1\nHost: localhost", "@peer here\nGET / HTTP/1.1", 13, "nothing that a request knows"),
        ("Host: localhost", "Host: localhost\n\nbody", 13, "no length"),
        ("Host: localhost", "Host: localhost\nContent-Length: 5\n\nbody", 13, "has 4 bytes"),
        ("Host: localhost", "Host: \\q", 13, "no escape"),
        ("Host: $host", "Host: $hots", 24, "no column"),
        ("Host: $host", "Host: x", 22, "used nowhere"),
        ("| host | verdict |", "| host | verdit |", 22, "no column `verdict`"),
        ("| `b` | refused", "| `b` | x | refused", 32, "has not 2 cells"),
        ("### Many", "#### Many", 22, "three levels"),
        ("### Many", "# Many", 22, "a second title"),
        ("### Many", "Hosts: nowhere\n### Many", 22, "Hosts"),
    ] {
        let found = read_with(from, to).unwrap_err();
        assert!(found.starts_with(&format!("f.md:{line}:")) && found.contains(message), "{from} → {to}\n{found}");
    }
}

fn real_files() -> Vec<String> {
    let paths = std::fs::read_dir(folder()).expect("the cases").map(|entry| entry.expect("a file").path());
    let paths = paths.filter(|path| !path.ends_with("README.md"));
    paths.map(|path| std::fs::read_to_string(path).expect("a file")).collect()
}

/// Rows of tables and headings without one, counted by other means than the reader's.
fn count(text: &str) -> usize {
    let mut in_block = false;
    let mut found = 0;
    let mut rows_here = 0;
    let mut open = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block && line.starts_with('#') {
            found += if open { rows_here.max(1) } else { 0 };
            (open, rows_here) = (line.starts_with("### "), 0);
        } else if !in_block && line.starts_with('|') {
            rows_here += 1;
            // The header and the rule are none.
            if line.starts_with("|---") {
                rows_here = 0;
            }
        }
    }
    found + if open { rows_here.max(1) } else { 0 }
}

#[test]
fn every_heading_and_row_of_the_real_files_is_a_case() {
    let files = real_files();
    let total: usize = files.iter().map(|text| read("f.md", text).unwrap().len()).sum();
    assert_eq!(total, files.iter().map(|text| count(text)).sum::<usize>());
    assert!(total >= 150, "{total}");
}

proptest! {
    /// A file from which a line is taken away, or in which one stands twice, has as many cases as it says, or is
    /// a mistake; it is never read as fewer or more.
    #[test]
    fn no_line_is_lost_unseen(file in any::<prop::sample::Index>(), line in any::<prop::sample::Index>(), twice: bool) {
        let files = real_files();
        let text = &files[file.index(files.len())];
        let mut lines: Vec<&str> = text.lines().collect();
        let at = line.index(lines.len());
        let told = lines.iter().find_map(|line| line.strip_prefix("Cases: ")).unwrap().parse::<usize>().unwrap();
        if twice {
            lines.insert(at, lines[at]);
        } else {
            lines.remove(at);
        }
        if let Ok(cases) = read("f.md", &lines.join("\n")) {
            prop_assert_eq!(cases.len(), told);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text: String) {
        let _read = read("f.md", &text);
        let _case = read("f.md", &FILE.replacen("GET / HTTP/1.1", &text, 1));
    }
}
