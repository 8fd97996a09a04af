//! Where the functions lie in the program: those that the usual commands execute side by side, since the first touch of each part of a file
//! costs as much as thousands of instructions.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Which functions: `benches/start-up/order` writes it.
const SCRIPT: &str = include_str!("start-up.ld");

/// Which linker it is depends on these.
pub(crate) const VARIABLES: [&str; 4] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
    "PATH",
    "RUSTFLAGS",
];

/// Whether anybody counts how long a start of this build takes, and there is a list for it.
pub(crate) fn is_wanted() -> bool {
    let is = |variable: &str, value: &str| env::var_os(variable).is_some_and(|is| is == value);
    is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
}

/// What the linker is to be given, or nothing where it would not take it.
pub(crate) fn arguments(folder: &Path) -> io::Result<Vec<String>> {
    let script = folder.join("start-up.ld");
    fs::write(&script, SCRIPT)?;
    let Some(script) = script.to_str() else {
        return Ok(Vec::new());
    };
    // GNU ld takes minutes to match so many patterns. It does not know the first argument, which changes nothing, and LLVM's linker does.
    let arguments = [
        "-Wl,--no-warn-symbol-ordering",
        "-Xlinker",
        "-T",
        "-Xlinker",
        script,
    ];
    let arguments: Vec<String> = arguments.map(str::to_owned).into();
    match links_with(&arguments, folder)? {
        true => Ok(arguments),
        false => Ok(Vec::new()),
    }
}

/// Whether a program that does nothing can be linked so.
fn links_with(arguments: &[String], folder: &Path) -> io::Result<bool> {
    let source = folder.join("nothing.rs");
    fs::write(&source, "fn main() {}\n")?;
    let value = |variable: &str| env::var_os(variable).unwrap_or_default();
    let mut rustc = Command::new(value("RUSTC"));
    rustc.arg(source).arg("--target").arg(value("TARGET"));
    rustc.arg("-o").arg(folder.join("nothing"));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = OsString::from("-Clinker=");
        option.push(linker);
        rustc.arg(option);
    }
    if let Ok(flags) = env::var("CARGO_ENCODED_RUSTFLAGS") {
        rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    }
    for argument in arguments {
        rustc.arg(format!("-Clink-arg={argument}"));
    }
    let ended = rustc.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(ended
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success()))
}
