//! The program `license-server` with embedded keys, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    license_server_embedded::main()
}
