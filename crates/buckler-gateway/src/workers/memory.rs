//! How much memory a process takes, as Linux tells it (proc(5), `/proc/PID/statm`).

use std::fmt;
use std::fs;
use std::io;

/// A size for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mebibytes(pub(crate) u64);

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEBIBYTE: u64 = 1 << 20;
        write!(f, "{} MiB", self.0 / MEBIBYTE)
    }
}

/// The resident bytes of a process; of those that it started, nothing.
pub(crate) fn resident(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = pages(&text).ok_or_else(|| io::Error::other("its statm is not what proc(5) says"))?;
    let page = u64::try_from(rustix::param::page_size()).map_err(io::Error::other)?;
    Ok(pages.saturating_mul(page))
}

/// The second number counts resident pages.
fn pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_counts() {
        // R09
        assert_eq!(pages("5571 1352 973 220 0 394 0\n"), Some(1352));
        for text in ["", "5571", "5571 x 973", "5571 -1"] {
            assert_eq!(pages(text), None, "{text}");
        }
    }

    #[test]
    fn this_process_takes_some() {
        let own = resident(std::process::id()).unwrap();
        assert!((1 << 20..1 << 40).contains(&own), "{own}");
        assert!(resident(u32::MAX).is_err());
        assert_eq!(Mebibytes(851_443_712).to_string(), "812 MiB");
    }
}
