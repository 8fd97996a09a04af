//! The program `license-server`: validates licenses and lends floating seats.
//!
//! The package contains a program. This library exists for the program and its tests, and has no
//! stable interface. A module uses only modules above it in this table:
//!
//! | layer | modules |
//! |---|---|
//! | foundation | `args`, `network`, `embedded`, `issuer`, `config`, `data_dir`, `trust_file` |
//! | | `certificate`, `logs`, `log_limit` |
//! | domain | [`clock`], [`domain`], [`observer`], [`store`], [`billing`], [`services`] |
//! | | `keys`, `metrics`, `login`, `mail` |
//! | | `oidc` |
//! | HTTP | `api`, `server` |
//! | program | `commands` |

#![allow(
    clippy::result_large_err,
    reason = "refusals are rare, and boxing them would make each handler longer"
)]

mod api;
mod args;
pub mod billing;
mod certificate;
pub mod clock;
mod commands;
mod config;
mod data_dir;
pub mod domain;
mod embedded;
mod issuer;
mod keys;
mod log_limit;
mod login;
mod logs;
mod mail;
mod metrics;
mod network;
pub mod observer;
mod oidc;
mod server;
pub mod services;
pub mod store;
mod trust_file;
mod web_roots;
mod webhooks;

use std::process::ExitCode;

use license_cli_support::{Terminal, program, protect_memory};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    // Keys and tokens must not reach a core dump.
    protect_memory();
    let cli: args::Cli = match program::parse(std::env::args_os(), &args::COMMAND_GROUPS) {
        Ok(cli) => cli,
        Err(exit_code) => return exit_code,
    };
    let terminal = Terminal::new(&cli.output);
    terminal.finish(commands::run(cli, &terminal))
}
