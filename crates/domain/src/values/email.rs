//! Email addresses.

use std::str::FromStr;

use email_address::{EmailAddress, Options};

use super::{Unit, ValueError};

/// An address of the form `local@domain.tld` (RFC 5321, RFC 5322, RFC 6531), kept as it was
/// written. Two addresses that differ only in case name the same customer: storage compares them
/// without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The most bytes in an address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// Reads an address; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// When it is blank, too long, or not an address.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ValueError::Blank);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ValueError::TooLong {
                max: Self::MAX_BYTES,
                unit: Unit::Bytes,
            });
        }
        let options = Options::default()
            .without_display_text()
            .without_domain_literal()
            .with_required_tld();
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) if !text.contains(char::is_control) => Ok(Self(text.to_owned())),
            _ => Err(ValueError::Malformed {
                expected: "an email address such as ana@example.com",
            }),
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_the_case_it_was_written_in() {
        let email = Email::parse(" Ana.Souza+cafe@Example.com ").unwrap();
        assert_eq!(email.as_str(), "Ana.Souza+cafe@Example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "ana",
            "ana@",
            "@example.com",
            "ana@localhost",
            "Ana <ana@example.com>",
            "a b@example.com",
            "ana@[127.0.0.1]",
        ] {
            assert!(
                matches!(Email::parse(text), Err(ValueError::Malformed { .. })),
                "{text}"
            );
        }
        assert_eq!(Email::parse("  "), Err(ValueError::Blank));
        let long = format!("{}@{}.com", "a".repeat(60), "b".repeat(200));
        assert!(matches!(
            Email::parse(&long),
            Err(ValueError::TooLong { .. })
        ));
    }
}
