//! Templates: the blocks of a table's heading, filled in by each row.

/// Puts the row's cells in place of `$column`.
///
/// # Errors
/// A `$name` that no column has.
pub(super) fn fill(line: &str, columns: &[&str], row: &[&str], used: &mut [bool]) -> Result<String, String> {
    let mut filled = String::with_capacity(line.len());
    let mut parts = line.split('$');
    filled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let (name, after) = part.split_at_checked(end).unwrap_or((part, ""));
        let column = columns.iter().position(|column| *column == name);
        let column = column.ok_or_else(|| format!("no column is called `{name}`"))?;
        if let Some(used) = used.get_mut(column) {
            *used = true;
        }
        filled.push_str(row.get(column).copied().unwrap_or_default());
        filled.push_str(after);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_take_their_places() {
        let mut used = [false; 2];
        let filled = fill("a $x-$x/$yz $y", &["x", "y"], &["1", "2"], &mut used);
        assert!(filled.is_err(), "`yz` is no column");
        assert_eq!(fill("a $x-$x", &["x", "y"], &["1", "2"], &mut used).unwrap(), "a 1-1");
        assert_eq!(used, [true, false]);
    }
}
