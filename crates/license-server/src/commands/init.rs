//! `license-server init`: the data directory, the server's key and a request for the vendor.

use license_cli_support::{Failure, Terminal, show_path};
use license_core::issue::{KeyBits, Signer};
use serde_json::json;

use super::opened::{prepare, write_request};
use crate::args::Init;
use crate::config::Config;
use crate::keys;

pub(super) fn run(arguments: &Init, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let bits = match arguments.bits.as_str() {
        "3072" => KeyBits::B3072,
        _ => KeyBits::B2048,
    };
    let prepared = prepare(config, bits)?;
    let directory = &prepared.directory;
    let request = match &arguments.out {
        Some(out) => out.clone(),
        None => directory.request(),
    };
    if arguments.out.is_some() || config.key.is_some() {
        // The request in the directory can be that of another key.
        write_request(directory, config, &request)?;
    }
    let key = keys::load(config, directory)?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "data_dir": show_path(directory.path()),
            "kid": key.public().id().as_str(),
            "request": show_path(&request),
            "created": prepared.is_new,
        }));
    }
    terminal.data(&format!(
        "kid: {}\nrequest: {}",
        key.public().id(),
        show_path(&request)
    ))?;
    if !prepared.is_new {
        terminal.note(match config.key {
            Some(_) => "the server uses the key in the HSM",
            None => "the server had its key already",
        });
    }
    terminal.note(
        "send the request to the vendor, who certifies the key with `keygen issue --server-key`; \
         then run `license-server install FILE` with the license that comes back",
    );
    Ok(())
}
