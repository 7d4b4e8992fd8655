//! The integration tests: the schema, one suite per port over every adapter that implements it,
//! the API over HTTP, and the binary itself. Nothing here is mocked.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod api;
mod binary;
mod document;
mod image;
mod months;
mod old_orders;
mod old_stock;
mod plans;
mod ports;
mod schema;
