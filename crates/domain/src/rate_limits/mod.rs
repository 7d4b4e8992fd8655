//! Rate limits: how many requests somebody may send in a minute. Every replica decides by itself, from
//! what it has counted and from what the others had told when it last asked.

mod limiter;
mod sliding_window;

pub use limiter::{Counted, Exceeded, Increment, Quota, RateLimit, RateLimiter, SharedCounts};
pub(crate) use sliding_window::wait;
pub use sliding_window::{WINDOW, WindowNumber, window};

#[cfg(test)]
pub(crate) use limiter::MockSharedCounts;
