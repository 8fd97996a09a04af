//! Destinations of artifacts, as the command line names them.

pub(crate) mod csv;

use std::path::PathBuf;

use license_cli_support::{Destination, Failure};
use license_core::hex;
use license_issuer::delivery::{ArtifactDestination, Delivery, FileDelivery, StreamDelivery};
use license_issuer::files::Collision;
use license_issuer::ledger::sqlite::{LedgerFile, LedgerLocation};
use license_issuer::random;
use license_issuer::services::{Deliverable, IssueTransaction};

use crate::args::Out;
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
        LedgerLocation::File(path) => Ok(Some(LedgerFile::new(path))),
    }
}

/// Returns the destination of an artifact.
pub(crate) fn destination(out: &Out) -> Result<ArtifactDestination, Failure> {
    match &out.out {
        Destination::File(path) if !out.out.is_stream() => {
            let id: [u8; 8] = random::bytes().map_err(|error| failures::no_random(&error))?;
            let collision = match out.force {
                true => Collision::Replace,
                false => Collision::Refuse,
            };
            Ok(ArtifactDestination::file(
                path,
                &hex::encode(&id),
                collision,
            ))
        }
        _ => Ok(ArtifactDestination::Stream),
    }
}

/// Returns the delivery to this destination.
pub(crate) fn delivery(out: &Out) -> Box<dyn Delivery> {
    match &out.out {
        Destination::Stdout => Box::new(StreamDelivery::stdout()),
        Destination::File(path) if out.out.is_stream() => Box::new(StreamDelivery::device(path)),
        Destination::File(_) => Box::new(FileDelivery::default()),
    }
}

impl Out {
    /// Refuses a destination that [`Out::write`] would refuse.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let checked = delivery(self).check(&destination(self)?);
        checked.map_err(|error| failures::not_delivered(&error))
    }

    /// Writes a public file. `--force` replaces other files, but never a private key.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        let mut transaction = IssueTransaction {
            artifacts: Vec::new(),
            deliverables: vec![Deliverable {
                destination: destination(self)?,
                content: text.as_bytes().to_vec(),
            }],
        };
        let delivered = transaction.commit(None, &mut *delivery(self));
        delivered.map_err(|error| failures::not_committed(&error))
    }

    /// Returns whether it is standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.out, Destination::Stdout)
    }
}

/// Returns the line that says that nothing was issued.
pub(crate) fn dry_run_line(out: &Destination) -> String {
    let out = match out {
        Destination::Stdout => "standard output".to_owned(),
        file => file.to_string(),
    };
    format!("dry run    nothing was minted or written; it would go to {out}")
}
