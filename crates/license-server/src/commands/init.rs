//! `license-server init`: the data directory, the server's key and a request for the vendor.

use std::fs;
use std::io::Read;
use std::path::Path;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Terminal, show_path};
use license_core::issue::{KeyBits, Signer};
use serde_json::json;
use zeroize::Zeroizing;

use super::database::{grant_tables, not_opened, record_key};
use super::opened::{create_directory, prepare, runtime, write_request};
use crate::args::Init;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::keys;
use crate::store::sqlite::SqliteStore;

/// The maximum size of a file with a key.
const MAX_KEY_BYTES: u64 = 64 * 1024;

pub(super) fn run(arguments: &Init, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let bits = match arguments.bits.as_str() {
        "3072" => KeyBits::B3072,
        _ => KeyBits::B2048,
    };
    let is_printed = arguments.out == Some(Destination::Stdout);
    if is_printed && terminal.is_json() {
        return Err(Failure::usage("expected --json or --out -, found both")
            .hint("omit --json: the request is a text of its own"));
    }
    let has_file = arguments.new_key || arguments.import_key.is_some();
    if has_file && config.key.is_some() {
        let message = "expected no --new-key and no --import-key, because the setting key names \
                       a key in an HSM";
        return Err(Failure::usage(message)
            .hint("create a key in the HSM, and name it with the setting key"));
    }
    let grant = match (&arguments.grant_to, &config.database) {
        (Some(_), None) => {
            let message =
                "expected the setting database with --grant-to, found a server with SQLite";
            let hint = "name the URL of the owner of the tables with --database";
            return Err(Failure::usage(message).hint(hint));
        }
        (role, service) => role.as_deref().zip(service.as_ref()),
    };
    if arguments.new_key {
        replace_key(config, bits)?;
    }
    let is_imported = match &arguments.import_key {
        Some(path) => import_key(path, config)?,
        None => false,
    };
    let directory = &create_directory(config)?;
    let is_new = runtime()?.block_on(async {
        let is_new = prepare(config, directory, bits).await?;
        if let Some((role, service)) = grant {
            grant_tables(config, service, role).await?;
        }
        Ok::<_, Failure>(is_new)
    })?;
    let request = match &arguments.out {
        Some(Destination::File(path)) => path.clone(),
        Some(Destination::Stdout) | None => directory.request(),
    };
    if arguments.out.is_some() || config.key.is_some() {
        // The request in the directory can be that of another key.
        write_request(directory, config, &request)?;
    }
    if is_printed {
        // Nothing else is printed, for a container without further programs.
        let text = fs::read(&request).map_err(|error| Failure::io("read", &request, &error))?;
        return Destination::Stdout.write(&text, Overwrite::Force, Audience::Everyone);
    }
    let key = keys::load(config, directory)?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "data_dir": show_path(directory.path()),
            "kid": key.public().id().as_str(),
            "request": show_path(&request),
            "created": is_new || arguments.new_key || is_imported,
        }));
    }
    terminal.data(&format!(
        "kid: {}\nrequest: {}",
        key.public().id(),
        show_path(&request)
    ))?;
    if !is_new && !arguments.new_key && !is_imported {
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

/// Copies a key to the data directory. Returns whether the server did not have it. The file may be
/// open to a group, as a mounted Secret of Kubernetes is, but the copy is not.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, the errors of [`keys::load_file`] if it is not a
/// private key, and `EXISTS` if the server has another key.
fn import_key(path: &Path, config: &Config) -> Result<bool, Failure> {
    let (directory, _) = DataDir::create(&config.data_dir)?;
    let failed = |error| Failure::io("read", path, &error);
    let mut text = Zeroizing::new(Vec::with_capacity(8192));
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_KEY_BYTES)
        .read_to_end(&mut text)
        .map_err(failed)?;
    let (key, staging) = (directory.key(), directory.imported_key());
    let staged = Destination::File(staging.clone());
    staged.write(&text, Overwrite::Force, Audience::OwnerOnly)?;
    let result = adopt_key(path, &staging, &key);
    if !matches!(result, Ok(true)) {
        // The first error is reported.
        let _ = fs::remove_file(&staging);
        return result;
    }
    write_request(&directory, config, &directory.request())?;
    Ok(true)
}

/// Renames a copied key to the key of the server, unless the server has a key. Returns whether the
/// server had none.
fn adopt_key(path: &Path, staging: &Path, key: &Path) -> Result<bool, Failure> {
    let imported = keys::load_file(staging);
    let imported = imported.map_err(|failure| failure.with_subject(&show_path(path)))?;
    if key.exists() {
        let (found, id) = (keys::load_file(key)?, imported.public().id());
        if found.public().id() == id {
            return Ok(false);
        }
        let message = format!(
            "expected the key {id} of {} in the data directory, found {}",
            show_path(path),
            found.public().id()
        );
        return Err(Failure::new(Exit::Usage, "EXISTS", message).hint(
            "import the key that the licenses of this server certify, or choose another directory \
             with --data-dir",
        ));
    }
    fs::rename(staging, key).map_err(|error| Failure::io("rename", staging, &error))?;
    Ok(true)
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
