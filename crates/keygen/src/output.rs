//! Destinations of artifacts, as the command line names them.

pub(crate) mod csv;
pub(crate) mod date;
pub(crate) mod license_table;

use std::path::PathBuf;
use std::time::Duration;

use license_cli_support::{Destination, Failure, OutputFile, escape};
use license_core::encoding::hex;
use license_issuer::delivery::{ArtifactDestination, Delivery, FileDelivery, StreamDelivery};
use license_issuer::files::Collision;
use license_issuer::ledger::sqlite::{LedgerFile, LedgerLocation};
use license_issuer::random;
use license_issuer::services::{Deliverable, IssueTransaction};

use crate::failures;

/// Returns the default file of the ledger on this platform, such as
/// `~/.local/share/keygen/ledger.db`.
pub(crate) fn default_ledger() -> Option<PathBuf> {
    let directories = directories::BaseDirs::new()?;
    let data = directories.data_local_dir();
    Some(data.join("keygen").join("ledger.db"))
}

/// Returns the file of the ledger, or `None` if nothing is recorded.
pub(crate) fn ledger_file(location: &LedgerLocation) -> Result<Option<LedgerFile>, Failure> {
    match location {
        LedgerLocation::None => Ok(None),
        LedgerLocation::Unknown => Err(failures::no_ledger_location()),
        LedgerLocation::File(path) => {
            let ledger = LedgerFile::new(path);
            Ok(Some(match lock_timeout()? {
                Some(timeout) => ledger.with_lock_timeout(timeout),
                None => ledger,
            }))
        }
    }
}

/// The variable with the number of seconds to wait for another process that writes to the ledger.
pub(crate) const LOCK_TIMEOUT: &str = "KEYGEN_LOCK_TIMEOUT";

fn lock_timeout() -> Result<Option<Duration>, Failure> {
    let Some(value) = std::env::var_os(LOCK_TIMEOUT).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let seconds = value.to_str().and_then(|text| text.parse::<u32>().ok());
    let seconds = seconds.ok_or_else(|| {
        let message = format!(
            "{LOCK_TIMEOUT}: expected a number of seconds, found {}",
            escape(&value.to_string_lossy())
        );
        Failure::usage(message).hint(format!("set {LOCK_TIMEOUT}=60, or unset the variable"))
    })?;
    Ok(Some(Duration::from_secs(seconds.into())))
}

/// Returns the destination of an artifact.
pub(crate) fn destination(output: &OutputFile) -> Result<ArtifactDestination, Failure> {
    match &output.out {
        Destination::File(path) if !output.out.is_stream() => {
            let id: [u8; 8] = random::bytes().map_err(|error| failures::no_random(&error))?;
            let collision = collision(output.force);
            Ok(ArtifactDestination::file(
                path,
                &hex::encode(&id),
                collision,
            ))
        }
        _ => Ok(ArtifactDestination::Stream),
    }
}

/// Returns the treatment of an existing file with or without `--force`.
pub(crate) fn collision(force: bool) -> Collision {
    if force {
        Collision::Replace
    } else {
        Collision::Refuse
    }
}

/// Returns the delivery to this destination.
pub(crate) fn delivery(output: &OutputFile) -> Box<dyn Delivery> {
    match &output.out {
        Destination::Stdout => Box::new(StreamDelivery::stdout()),
        Destination::File(path) if output.out.is_stream() => Box::new(StreamDelivery::device(path)),
        Destination::File(_) => Box::new(FileDelivery::default()),
    }
}

/// Checks early that [`write()`] can deliver to this destination.
pub(crate) fn check(output: &OutputFile) -> Result<(), Failure> {
    let checked = delivery(output).check(&destination(output)?);
    checked.map_err(|error| failures::not_delivered(&error))
}

/// Writes a public file. `--force` replaces other files, but never a private key.
pub(crate) fn write(output: &OutputFile, text: &str) -> Result<(), Failure> {
    let mut transaction = IssueTransaction {
        artifacts: Vec::new(),
        deliverables: vec![Deliverable {
            destination: destination(output)?,
            content: text.as_bytes().to_vec(),
        }],
    };
    let delivered = transaction.commit(None, &mut *delivery(output));
    delivered.map_err(|error| failures::not_committed(&error))
}

/// Returns the first line of the report of a dry run.
pub(crate) fn dry_run_line(destination: &Destination) -> String {
    let destination = match destination {
        Destination::Stdout => "standard output".to_owned(),
        file => file.to_string(),
    };
    format!("dry run    nothing was issued or written; the output would go to {destination}")
}
