//! Changes of entities that exist, and what they expect to find.

use super::Version;

/// A change of one field (JSON Merge Patch, RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field stays as it is.
    Keep,
    /// The field has no value any more.
    Clear,
    /// The field has this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Changes a field that may have no value.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

/// The versions that a change may be made to: a change of another version would overwrite what its
/// author has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Every version.
    Any,
    /// One of these.
    OneOf(Vec<Version>),
}

impl Expected {
    /// Whether this version may be changed.
    #[must_use]
    pub fn allows(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
