//! Balcão over HTTP: the REST API, the command line, and the composition root that connects the
//! domain to its adapters.
//!
//! A request passes, in this order: [`edge`] (request id, log line, problem documents), the route's
//! [`access`] rule, the extractors of [`extract`], its handler in [`routes`], and one method of one
//! service of [`domain`].

pub mod access;
pub mod adapters;
mod answer;
pub mod app;
pub mod background;
mod bodies;
mod bulk;
mod causes;
pub mod cli;
mod connection;
pub mod cors;
mod crowd;
mod cursors;
mod demo;
mod describe;
mod docs;
mod dto;
mod edge;
mod extract;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod lifecycle;
mod metrics;
pub mod openapi;
mod positions;
mod problem;
pub mod proxies;
mod rate_limits;
pub mod routes;
pub mod server;
pub mod settings;
mod traces;
