//! Names and descriptions: text that people wrote.

use super::{Unit, ValueError};

/// The name of a customer or a product: 1 to 200 characters on one line, without white space at
/// either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The most characters in a name.
    pub const MAX_CHARACTERS: usize = 200;

    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// When it is blank, too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ValueError::Blank);
        }
        if text.contains(char::is_control) {
            return Err(ValueError::ControlCharacter);
        }
        at_most(text, Self::MAX_CHARACTERS)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The description of a product: at most 5 000 characters; line breaks and tabs are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The most characters in a description.
    pub const MAX_CHARACTERS: usize = 5_000;

    /// Reads a description, kept as it was written.
    ///
    /// # Errors
    ///
    /// When it is too long, or holds a control character other than a line break or a tab.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(ValueError::ControlCharacter);
        }
        at_most(text, Self::MAX_CHARACTERS)?;
        Ok(Self(text.to_owned()))
    }

    /// The description as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn at_most(text: &str, max: usize) -> Result<(), ValueError> {
    if text.chars().count() > max {
        return Err(ValueError::TooLong {
            max,
            unit: Unit::Characters,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_the_white_space_around_it() {
        assert_eq!(Name::parse("  Ana Souza\n").unwrap().as_str(), "Ana Souza");
    }

    #[test]
    fn a_name_is_one_line_of_one_to_two_hundred_characters() {
        assert_eq!(Name::parse(" \t "), Err(ValueError::Blank));
        assert_eq!(Name::parse("a\u{0}b"), Err(ValueError::ControlCharacter));
        assert_eq!(Name::parse("a\nb"), Err(ValueError::ControlCharacter));
        assert!(Name::parse(&"ã".repeat(200)).is_ok());
        assert!(matches!(
            Name::parse(&"ã".repeat(201)),
            Err(ValueError::TooLong { max: 200, .. })
        ));
    }

    #[test]
    fn a_description_may_have_lines_but_no_nul() {
        assert!(Description::parse("250 g\r\n\tmoído").is_ok());
        assert_eq!(
            Description::parse("a\u{0}b"),
            Err(ValueError::ControlCharacter)
        );
        assert!(Description::parse(&"x".repeat(5_001)).is_err());
    }
}
