//! Names, descriptions and notes: text that people wrote.

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
        lines(text, Self::MAX_CHARACTERS).map(Self)
    }

    /// The description as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A note on a change: 1 to 500 characters; line breaks and tabs are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// The most characters in a note.
    pub const MAX_CHARACTERS: usize = 500;

    /// Reads a note, kept as it was written.
    ///
    /// # Errors
    ///
    /// When it is blank, too long, or holds a control character other than a line break or a tab.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.trim().is_empty() {
            return Err(ValueError::Blank);
        }
        lines(text, Self::MAX_CHARACTERS).map(Self)
    }

    /// The note as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The shop's own number of a product (stock keeping unit): 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sku(String);

impl Sku {
    /// The most characters in a number.
    pub const MAX_CHARACTERS: usize = 64;

    /// Accepts 1 to 64 visible ASCII characters; upper and lower case are different.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or holds anything else.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Blank);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ValueError::Malformed {
                expected: "letters, digits and other visible ASCII characters, such as CAFE-250",
            });
        }
        at_most(text, Self::MAX_CHARACTERS)?;
        Ok(Self(text.to_owned()))
    }

    /// The number as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a client calls itself (RFC 9110, section 10.1.5): at most 200 characters of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// The most characters that are kept.
    pub const MAX_CHARACTERS: usize = 200;

    /// Keeps its visible ASCII characters and blanks; `None` when there are none.
    #[must_use]
    pub fn cut(text: &str) -> Option<Self> {
        let shown = text.chars().filter(|c| matches!(c, ' '..='~'));
        let shown: String = shown.take(Self::MAX_CHARACTERS).collect();
        (!shown.trim().is_empty()).then_some(Self(shown))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The words that somebody searches for: what a [`Name`] may be, of at most ten words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerms(Name);

impl SearchTerms {
    /// The most words in a search.
    pub const MAX_WORDS: usize = 10;

    /// Reads what somebody searches for.
    ///
    /// # Errors
    ///
    /// When it is blank, too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = Name::parse(text)?;
        if text.as_str().split_whitespace().count() > Self::MAX_WORDS {
            return Err(ValueError::TooLong {
                max: Self::MAX_WORDS,
                unit: Unit::Words,
            });
        }
        Ok(Self(text))
    }

    /// The words as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Text of several lines.
fn lines(text: &str, max_characters: usize) -> Result<String, ValueError> {
    if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(ValueError::ControlCharacter);
    }
    at_most(text, max_characters)?;
    Ok(text.to_owned())
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

    #[test]
    fn a_note_is_not_blank_and_may_have_lines() {
        assert!(Note::parse("paid by\nPix").is_ok());
        assert_eq!(Note::parse(" \n"), Err(ValueError::Blank));
        assert!(Note::parse(&"x".repeat(501)).is_err());
    }

    #[test]
    fn a_number_of_a_product_is_visible_ascii() {
        assert_eq!(Sku::parse("CAFE-250").unwrap().as_str(), "CAFE-250");
        for text in ["", " ", "a b", "ç", &"x".repeat(65)] {
            assert!(Sku::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_a_client_calls_itself_is_cut_and_never_refused() {
        let long = format!("\u{202e}curl/8\u{7} {}", "x".repeat(300));
        let kept = UserAgent::cut(&long).unwrap();
        assert!(kept.as_str().starts_with("curl/8 xx"));
        assert_eq!(kept.as_str().chars().count(), 200);
        assert_eq!(UserAgent::cut(" \u{7} "), None);
    }

    #[test]
    fn a_search_has_one_to_ten_words() {
        assert_eq!(
            SearchTerms::parse(" café  250 ").unwrap().as_str(),
            "café  250"
        );
        assert_eq!(SearchTerms::parse(" "), Err(ValueError::Blank));
        assert!(SearchTerms::parse("a b c d e f g h i j").is_ok());
        assert!(matches!(
            SearchTerms::parse("a b c d e f g h i j k"),
            Err(ValueError::TooLong { max: 10, .. })
        ));
    }
}
