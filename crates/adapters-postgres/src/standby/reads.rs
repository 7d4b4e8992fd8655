//! Who answers what may be a moment old.

use std::sync::atomic::{AtomicU64, Ordering};

/// Who answered what may be a moment old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// The standby.
    Standby,
    /// The primary: the standby was away.
    PrimaryForAway,
    /// The primary: the standby was too far behind, or behind what was asked for.
    PrimaryForLag,
    /// The primary, once more: the standby could not go on (a conflict with what it follows, its end, or its time
    /// was over).
    PrimaryForConflict,
}

impl ReadBy {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::PrimaryForAway => "away",
            Self::PrimaryForLag => "behind",
            Self::PrimaryForConflict => "conflict",
        }
    }
}

/// How often who answered.
pub(super) struct Reads([(ReadBy, AtomicU64); 4]);

impl Default for Reads {
    fn default() -> Self {
        let all = [
            ReadBy::Standby,
            ReadBy::PrimaryForAway,
            ReadBy::PrimaryForLag,
            ReadBy::PrimaryForConflict,
        ];
        Self(all.map(|by| (by, AtomicU64::default())))
    }
}

impl Reads {
    pub(super) fn count(&self, by: ReadBy) {
        for (_, reads) in self.0.iter().filter(|(counted, _)| *counted == by) {
            reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn counted(&self) -> [(ReadBy, u64); 4] {
        let counted = self.0.each_ref();
        counted.map(|(by, reads)| (*by, reads.load(Ordering::Relaxed)))
    }
}
