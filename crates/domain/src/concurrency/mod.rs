//! Concurrency mechanisms that know no noun: batching through a bounded queue, bulkheads, and
//! single flight.

pub(crate) mod batch_queue;
pub(crate) mod bulkhead;
mod gate;
pub(crate) mod single_flight;
