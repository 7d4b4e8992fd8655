//! Entries. One is the text `VERSION:BODY`. An empty body records that this version exists and that
//! nothing older may be shown: it reads as a miss. A negative version is a lease, by its number. Any other
//! content is foreign: it reads as a miss too, and is removed.

use std::num::NonZeroU64;

use domain::cache::Lease;

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

    /// The lease that it is, if it is one.
    pub(crate) fn lease(&self) -> Lease {
        let number = (self.version < 0).then(|| self.version.unsigned_abs());
        number
            .and_then(NonZeroU64::new)
            .map_or(Lease::NONE, Lease::new)
    }

    /// The entity in its stored form; empty when only the version is recorded.
    pub(crate) fn body(&self) -> &[u8] {
        self.text.get(self.body..).unwrap_or_default()
    }
}

/// The version by which a lease is written.
pub(crate) fn version_of(lease: Lease) -> String {
    lease
        .number()
        .map_or_else(String::new, |number| format!("-{number}"))
}
