//! The binary `balcao`.

use std::process::ExitCode;

fn main() -> ExitCode {
    http_actix::cli::main()
}
