//! What an error says, with all that led to it.

use std::error::Error;

/// The text of an error and all its causes.
pub(crate) fn whole(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
