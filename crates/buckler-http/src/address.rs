//! Addresses as text.
//!
//! Every request's is written, to the app and to the log, and the formatting machinery costs more than all the rest of
//! either: so IPv4 is written by hand.

use std::fmt::{self, Display, Write as _};
use std::net::IpAddr;

/// Longest textual address: an IPv4-mapped one, all groups written out.
const MAX_TEXT: usize = 45;

/// An address as the standard library writes it, kept in place.
///
/// ```
/// use buckler_http::address::AddressText;
/// assert_eq!(AddressText::of("192.0.2.7".parse().unwrap()).as_str(), "192.0.2.7");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AddressText {
    text: [u8; MAX_TEXT],
    length: usize,
}

impl AddressText {
    /// Writes an address.
    pub fn of(address: IpAddr) -> Self {
        let mut written = Self { text: [0; MAX_TEXT], length: 0 };
        match address {
            IpAddr::V4(address) => {
                for (at, octet) in address.octets().into_iter().enumerate() {
                    if at > 0 {
                        written.push(b'.');
                    }
                    if octet >= 100 {
                        written.push(b'0' + octet / 100);
                    }
                    if octet >= 10 {
                        written.push(b'0' + octet / 10 % 10);
                    }
                    written.push(b'0' + octet % 10);
                }
            }
            IpAddr::V6(address) => {
                // There is room for the longest.
                let _always = write!(written, "{address}");
            }
        }
        written
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.text.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.get(..self.length).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl fmt::Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}

impl Display for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_has_room() {
        for text in ["1111:2222:3333:4444:5555:6666:7777:8888", "::ffff:255.255.255.255", "::", "255.255.255.255"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(AddressText::of(address).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn addresses_are_written_as_the_standard_library_writes_them(address in any::<IpAddr>()) {
            prop_assert_eq!(AddressText::of(address).to_string(), address.to_string());
        }
    }
}
