//! `balcao openapi`.

use std::io::{self, Write};

use super::Failure;
use crate::openapi;

/// Prints the OpenAPI document. It needs neither a database nor settings.
pub(super) fn run() -> Result<(), Failure> {
    writeln!(io::stdout(), "{}", openapi::json())?;
    Ok(())
}
