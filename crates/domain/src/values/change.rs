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

/// What a change may be made to, by the version or by another value that tells it apart: a change of
/// anything else would overwrite what its author has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected<T = Version> {
    /// Whatever it is.
    Any,
    /// One of these.
    OneOf(Vec<T>),
}

impl<T: PartialEq> Expected<T> {
    /// Whether this may be changed.
    #[must_use]
    pub fn allows(&self, found: &T) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(expected) => expected.contains(found),
        }
    }
}
