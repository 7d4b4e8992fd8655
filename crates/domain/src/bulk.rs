//! Exports: entities in any number, a few at a time.

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};

use crate::StorageError;

/// Entities as of one moment.
pub struct Export<T> {
    /// Batches, which arrive as they are asked for. Whoever stops asking ends the export.
    pub batches: BoxStream<'static, Result<Vec<T>, StorageError>>,
    /// How many entities there are about this time. It is counted when it is asked for, which takes
    /// a while.
    pub count: BoxFuture<'static, Result<u64, StorageError>>,
}

impl<T: Send + 'static> Export<T> {
    /// An export of nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            batches: stream::empty().boxed(),
            count: future::ready(Ok(0)).boxed(),
        }
    }
}
