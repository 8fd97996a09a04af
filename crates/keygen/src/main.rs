//! `keygen`: signing keys, licenses and enterprise keys, issued offline.

use std::process::ExitCode;

fn main() -> ExitCode {
    license_keygen::main()
}
