//! What can go wrong with Redis.

use std::time::Duration;

use deadpool_redis::{
    PoolError,
    redis::{ErrorKind, RedisError},
};
use thiserror::Error;

/// Why a command to Redis failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("the replicas do not share it yet")]
    Disagreement,
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Failure {
    /// The error that Redis answered with, if it answered.
    pub(crate) fn refusal(&self) -> Option<&RedisError> {
        let (Self::Redis(error) | Self::Pool(PoolError::Backend(error))) = self else {
            return None;
        };
        let is_refusal = matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension);
        is_refusal.then_some(error)
    }
}
