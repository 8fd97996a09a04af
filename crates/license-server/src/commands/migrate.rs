//! `license-server migrate`: moves the database of a stopped server to PostgreSQL.

use std::path::Path;

use license_cli_support::{Failure, Terminal, plural, show_path};
use license_core::issue::Signer;
use serde_json::{Map, json};
use uuid::Uuid;

use super::database::{database_name, not_opened, postgres};
use super::opened::{now, runtime};
use crate::args::Migrate;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::domain::MoveReport;
use crate::keys;
use crate::store::postgres::{MovedFiles, PostgresStore};
use crate::store::sqlite::MovingDatabase;
use crate::trust_file::read_trust;

/// The tables whose numbers of rows are printed, with the words for one row and for several.
const SHOWN: [(&str, &str, &str); 5] = [
    ("licenses", "license", "licenses"),
    ("leases", "held seat", "held seats"),
    ("tickets", "waiting session", "waiting sessions"),
    ("machines", "machine", "machines"),
    ("events", "event", "events"),
];

pub(super) fn run(
    arguments: &Migrate,
    config: &Config,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some(service) = &config.database else {
        return Err(Failure::usage("expected the URL of a PostgreSQL database, found none")
            .hint("name the empty database with --to URL, and its password with --database-password-file"));
    };
    let from = arguments.from.as_deref().unwrap_or(&config.data_dir);
    let directory = DataDir::open(from)?;
    let key = keys::load(config, &directory)?;
    let trust = trust_set(config, &directory)?;
    let target = postgres(service)?;
    let source_failed = |error| not_opened(&source_config(config, from), &error);
    let source = MovingDatabase::open(from, now()).map_err(source_failed)?;
    let name = database_name(config);
    let id = source
        .begin(&Uuid::new_v4().to_string(), &name)
        .map_err(source_failed)?;
    let kid = key.public().id().to_string();
    let files = MovedFiles {
        id: &id,
        kid: &kid,
        trust: trust.as_deref(),
    };
    let imported = runtime()?.block_on(PostgresStore::import(&target, &source, files, now()));
    let report = imported.map_err(|error| not_opened(config, &error))?;
    source.finish(now()).map_err(source_failed)?;
    print(&report, source.path(), &name, terminal)
}

/// Returns the configuration of the server with the SQLite database, for messages.
fn source_config(config: &Config, from: &Path) -> Config {
    Config {
        data_dir: from.to_owned(),
        database: None,
        ..config.clone()
    }
}

/// Returns the public keys in the data directory, which the servers of PostgreSQL read from the
/// database.
fn trust_set(config: &Config, directory: &DataDir) -> Result<Option<String>, Failure> {
    let path = directory.trust();
    if config.trust.is_some() || !path.exists() {
        return Ok(None);
    }
    Ok(Some(read_trust(&path)?.to_jwks().to_string()))
}

fn print(report: &MoveReport, from: &Path, to: &str, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        let rows = report.rows.iter();
        let rows = rows.map(|(table, rows)| ((*table).to_owned(), (*rows).into()));
        return terminal.json(&json!({
            "from": show_path(from),
            "to": to,
            "rows": rows.collect::<Map<_, _>>(),
            "audit_entries": report.audit_entries,
        }));
    }
    let mut lines = vec![format!("moved {} to {to}", show_path(from))];
    lines.extend(SHOWN.iter().filter_map(|(table, one, many)| {
        let (_, rows) = report.rows.iter().find(|(found, _)| found == table)?;
        Some(plural(*rows, one, many))
    }));
    let entries = plural(report.audit_entries, "audit entry", "audit entries");
    lines.push(format!("{entries}, all verified"));
    terminal.data(&lines.join("\n"))?;
    terminal.note(
        "start the server with --database; no server can use the SQLite database any more, and the \
         data directory still has the key and the certificate of the server",
    );
    Ok(())
}
