//! The little of Markdown that files of cases are made of.

use super::Mistake;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Heading {
        level: usize,
        text: &'t str,
    },
    /// A fenced block with its info string.
    Block {
        info: &'t str,
        lines: Vec<&'t str>,
    },
    Table {
        columns: Vec<&'t str>,
        rows: Vec<(usize, Vec<&'t str>)>,
    },
    Prose(&'t str),
}

/// Takes a text apart; each piece with its line.
pub(super) fn pieces<'t>(file: &str, text: &'t str) -> Result<Vec<(usize, Piece<'t>)>, Mistake> {
    let mistake = |line: usize, message: String| Mistake { file: file.to_owned(), line, message };
    let mut found = Vec::new();
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((line, at)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let mut block = Vec::new();
            loop {
                match lines.next() {
                    Some(("```", _)) => break,
                    Some((line, _)) => block.push(line),
                    None => return Err(mistake(at, "the block is not closed".to_owned())),
                }
            }
            found.push((at, Piece::Block { info: info.trim(), lines: block }));
        } else if line.trim_start().starts_with("```") || line.starts_with("~~~") {
            return Err(mistake(at, "a block begins with ``` at the start of the line".to_owned()));
        } else if line.starts_with('#') {
            let level = line.chars().take_while(|&c| c == '#').count();
            let text = line.trim_start_matches('#').trim();
            if text.is_empty() || !line.trim_start_matches('#').starts_with(' ') {
                return Err(mistake(at, "a heading is written `# text`".to_owned()));
            }
            found.push((at, Piece::Heading { level, text }));
        } else if line.trim_start().starts_with('|') {
            let columns =
                cells(line).ok_or_else(|| mistake(at, "a row of a table begins and ends with |".to_owned()))?;
            let rule = lines.next().is_some_and(|(rule, _)| {
                rule.starts_with('|') && rule.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
            });
            if !rule {
                return Err(mistake(at + 1, "the second line of a table is a rule, `|---|---|`".to_owned()));
            }
            let mut rows = Vec::new();
            while let Some((row, at)) = lines.next_if(|(line, _)| line.trim_start().starts_with('|')) {
                let row = cells(row).filter(|row| row.len() == columns.len());
                let row = row.ok_or_else(|| mistake(at, format!("the row has not {} cells", columns.len())))?;
                rows.push((at, row));
            }
            if rows.is_empty() {
                return Err(mistake(at, "the table has no rows".to_owned()));
            }
            found.push((at, Piece::Table { columns, rows }));
        } else if !line.trim().is_empty() {
            found.push((at, Piece::Prose(line)));
        }
    }
    Ok(found)
}

/// Cells without the backticks round them.
fn cells(row: &str) -> Option<Vec<&str>> {
    let inner = row.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| unquote(cell.trim())).collect())
}

fn unquote(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_lost_is_a_mistake() {
        for (text, line) in [
            ("```toml\nx", 1),
            ("  ```toml\n  ```", 1),
            ("~~~\n~~~", 1),
            ("#Heading", 1),
            ("##", 1),
            ("|a|b|\n|c|d|", 2),
            ("|a|b|\n|---|---|", 1),
            ("|a|b|\n|---|---|\n|c|", 3),
            ("|a|b|\n|---|---|\n|c|d|e|", 3),
            ("|a|b", 1),
        ] {
            assert_eq!(pieces("f", text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn pieces_keep_their_lines() {
        let text = "# T\n\nprose\n```x y\n# no heading\n\n```\n| a | `b` |\n|---|---|\n| `` | `\\x7c` |\n";
        let found = pieces("f", text).unwrap();
        assert_eq!(
            found,
            [
                (1, Piece::Heading { level: 1, text: "T" }),
                (3, Piece::Prose("prose")),
                (4, Piece::Block { info: "x y", lines: vec!["# no heading", ""] }),
                (8, Piece::Table { columns: vec!["a", "b"], rows: vec![(10, vec!["", "\\x7c"])] }),
            ]
        );
    }
}
