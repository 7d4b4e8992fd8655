//! Entries. One is the text `VERSION:BODY`. An empty body records that this version exists and that
//! nothing older may be shown: it reads as a miss. Any other content is foreign: it reads as a miss
//! too, and is removed.

/// The entry of a key.
pub(crate) struct Entry {
    /// The version that its text gives.
    pub(crate) version: i64,
    pub(crate) text: Vec<u8>,
    body: usize,
}

impl Entry {
    /// Parses `VERSION:BODY`.
    pub(crate) fn parse(text: Vec<u8>) -> Result<Self, Vec<u8>> {
        let parse = || {
            let colon = text.iter().position(|byte| *byte == b':')?;
            let version = std::str::from_utf8(text.get(..colon)?).ok()?;
            Some((version.parse().ok()?, colon + 1))
        };
        match parse() {
            Some((version, body)) => Ok(Self {
                version,
                text,
                body,
            }),
            None => Err(text),
        }
    }

    /// The entity in its stored form; empty when only the version is recorded.
    pub(crate) fn body(&self) -> &[u8] {
        self.text.get(self.body..).unwrap_or_default()
    }
}
