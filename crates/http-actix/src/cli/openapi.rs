//! `balcao openapi`.

use std::io::{self, Write};

use super::Failure;
use crate::openapi;

/// Prints the document of the API. It needs neither a database nor a setting.
pub(super) fn run() -> Result<(), Failure> {
    writeln!(io::stdout(), "{}", openapi::json())?;
    Ok(())
}
