//! `license-server`: validates licenses and lends floating seats.

use std::process::ExitCode;

fn main() -> ExitCode {
    license_server::main()
}
