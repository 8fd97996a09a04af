//! `license-server backup`: a copy of the data directory, also while the server runs.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Terminal, show_path};
use serde_json::json;

use super::database::{DatabaseAccess, not_opened};
use super::opened::{open, runtime};
use crate::args::Backup;
use crate::config::Config;
use crate::data_dir::DataDir;

pub(super) fn run(arguments: &Backup, config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    if let Some(service) = &config.database {
        let message = format!(
            "expected a server with SQLite, found the database {}",
            service.url
        );
        return Err(Failure::usage(message).hint(
            "back up the database with pg_dump or a base backup, and the data directory with the \
             server's key by a copy of its files",
        ));
    }
    if arguments.out.exists() {
        let message = format!("{} already exists", show_path(&arguments.out));
        return Err(Failure::new(Exit::Usage, "EXISTS", message)
            .hint("choose a new directory with --out; a backup never replaces anything"));
    }
    let created = DataDir::create(&arguments.out);
    let (copy, _) =
        created.map_err(|failure| failure.hint("choose another directory with --out"))?;
    let files = copy_all(config, &directory, &copy).inspect_err(|_| {
        // A backup that is not complete must not be mistaken for one. The first error is reported.
        let _ = fs::remove_dir_all(copy.path());
    })?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "path": show_path(copy.path()),
            "files": files,
        }));
    }
    terminal.data(&format!("backup: {}", show_path(copy.path())))?;
    let key = match config.key {
        Some(_) => "the key of the server stays in the HSM",
        None => "the backup contains the server's key: keep it secret",
    };
    terminal.note(&format!(
        "{key}; to restore the backup, stop the server and use the directory as its data directory"
    ));
    Ok(())
}

/// Copies the database and the files next to it. Returns the names of all files of the backup.
fn copy_all(config: &Config, from: &DataDir, to: &DataDir) -> Result<Vec<String>, Failure> {
    runtime()?.block_on(async {
        let server = open(config, from, DatabaseAccess::Beside).await?;
        let copied = server.database.store.back_up(&to.database()).await;
        copied.map_err(|error| not_opened(config, &error))
    })?;
    copy_files(from, to)
}

/// Copies the files next to the database. Returns the names of all files of the backup.
fn copy_files(from: &DataDir, to: &DataDir) -> Result<Vec<String>, Failure> {
    let (certificate, certificate_key) = from.certificate();
    let mut names = vec![name(&from.database())];
    let mut files = from.earlier_keys()?;
    files.extend([
        from.key(),
        from.request(),
        from.trust(),
        certificate,
        certificate_key,
    ]);
    for file in files {
        let bytes = match fs::read(&file) {
            Ok(bytes) => zeroize::Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure::io("read", &file, &error)),
        };
        let name = name(&file);
        let copy = Destination::File(to.path().join(&name));
        copy.write(&bytes, Overwrite::Refuse, Audience::OwnerOnly)?;
        names.push(name);
    }
    Ok(names)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
