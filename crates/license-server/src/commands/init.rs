//! `license-server init`: the data directory, the server's key and a request for the vendor.

use std::path::Path;

use license_cli_support::{Failure, Terminal, show_path};
use license_core::issue::{KeyBits, Signer};
use serde_json::json;

use super::database::{not_opened, record_key};
use super::opened::{prepare, runtime, write_request};
use crate::args::Init;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::keys;
use crate::store::sqlite::SqliteStore;

pub(super) fn run(arguments: &Init, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let bits = match arguments.bits.as_str() {
        "3072" => KeyBits::B3072,
        _ => KeyBits::B2048,
    };
    if arguments.new_key && config.key.is_some() {
        let message =
            "--new-key creates a key in a file, but the setting key names a key in an HSM";
        return Err(Failure::usage(message)
            .hint("create a key in the HSM, and name it with the setting key"));
    }
    if arguments.new_key {
        replace_key(config, bits)?;
    }
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
            "created": prepared.is_new || arguments.new_key,
        }));
    }
    terminal.data(&format!(
        "kid: {}\nrequest: {}",
        key.public().id(),
        show_path(&request)
    ))?;
    if !prepared.is_new && !arguments.new_key {
        terminal.note(match config.key {
            Some(_) => "the server uses the key in the HSM",
            None => "the server had its key already; --new-key creates a new one",
        });
    }
    if config.vendor.is_some() {
        terminal.note("licenses that the server issues certify the key");
        return Ok(());
    }
    terminal.note(
        "send the request to the vendor, who certifies the key with `keygen issue --server-key`; \
         then run `license-server install FILE` with the license that comes back",
    );
    Ok(())
}

/// Replaces the key of the server with a new one, and keeps the earlier key, if it is not lost, for
/// the licenses that certify it. An interrupted call changes nothing that the next call does not
/// complete. A running server is refused, because it would keep its earlier key until it restarts.
fn replace_key(config: &Config, bits: KeyBits) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    SqliteStore::refuse_running(directory.path()).map_err(|error| {
        not_opened(config, &error).hint("stop the server, create the key, and start it again")
    })?;
    let (key, next) = (directory.key(), directory.next_key());
    let failed = |path: &Path, error: &std::io::Error| Failure::io("rename", path, error);
    if !next.exists() {
        keys::create(&next, bits)?;
    }
    if key.exists() {
        let id = keys::load_file(&key)?.public().id().to_string();
        let kept = directory.earlier_key(&id);
        if !kept.exists() {
            std::fs::hard_link(&key, &kept).map_err(|error| failed(&key, &error))?;
        }
    }
    std::fs::rename(&next, &key).map_err(|error| failed(&next, &error))?;
    write_request(&directory, config, &directory.request())?;
    runtime()?.block_on(record_key(config, &directory))
}
