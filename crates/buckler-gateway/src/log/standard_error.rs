//! Where a log inside of somebody else's process goes.

use std::io::{self, Write};

/// What a pipe takes in one piece, whatever others write to it meanwhile (`PIPE_BUF` of Linux; POSIX promises 512).
const WHOLE: usize = 4096;

/// Standard error without the lock that [`std::io::stderr`] has: a process that forks while the writer holds it would
/// leave a child behind in which nobody ever lets go.
///
/// The workers of a server share one, often a pipe. So lines are handed over whole: a batch that does not fit into the
/// pipe at once would be cut wherever it is full, and another worker's lines stand in the middle of one.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stderr(), whole_lines(bytes))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As many lines as can be written whole; of one that is longer than that, all of it.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let Some(part) = bytes.get(..WHOLE) else { return bytes };
    let is_end = |&byte: &u8| byte == b'\n';
    let end = part.iter().rposition(is_end).or_else(|| bytes.iter().position(is_end));
    end.and_then(|end| bytes.get(..=end)).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_whole() {
        let line = |length: usize| [vec![b'a'; length - 1], vec![b'\n']].concat();
        for (lines, written) in [
            (vec![], 0),
            (vec![10], 10),
            (vec![4096], 4096),
            (vec![4000, 96], 4096),
            (vec![4000, 97], 4000),
            (vec![2000, 2000, 2000, 2000], 4000),
            (vec![5000, 10], 5000),
            (vec![10, 5000], 10),
        ] {
            let bytes: Vec<u8> = lines.iter().flat_map(|&length| line(length)).collect();
            assert_eq!(whole_lines(&bytes).len(), written, "{lines:?}");
        }
        assert_eq!(whole_lines(&[b'a'; 5000]).len(), 5000, "what has no end is not kept back");
    }
}
