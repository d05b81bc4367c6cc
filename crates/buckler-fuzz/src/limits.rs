//! The language of limits under arbitrary bytes.

use buckler_limits::{Limit, LimitError, Moment, State, Verdict};

/// Reads `data` as a limit. What is read is shown, read again and counted by once; what is not has a place and a way out.
///
/// # Panics
///
/// When what is shown does not read back as the same, when it admits nothing at all, or when a mistake lies outside of the
/// text.
pub fn limit_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<Limit>() {
        Ok(limit) => {
            let shown = limit.to_string();
            let again: Result<Limit, LimitError> = shown.parse();
            assert_eq!(again.as_ref(), Ok(&limit), "shown as another: {shown}");
            assert_eq!(again.map(|again| again.to_string()), Ok(shown), "shown in two ways");
            let once = limit.allowance.charge(State::EMPTY, Moment(1_763_208_000_000_000), 1);
            assert_eq!(once.standing.verdict, Verdict::Allowed, "it lets nothing pass");
        }
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "the mistake is outside of the text: {:?}", error.span);
            assert!(!error.reason.is_empty() && !error.help.is_empty(), "nothing to read");
        }
    }
}
