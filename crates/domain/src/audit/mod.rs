//! The audit log: every act of the shop's people and of API keys. It is written with the act, in one
//! transaction, and says nothing of a person but their ids.

mod entry;
mod ports;
mod service;

pub use entry::{Action, AuditEntry, AuditFilter, Thing};
pub use ports::AuditLog;
pub use service::{AuditError, AuditService};
