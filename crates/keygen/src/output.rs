//! Destinations of artifacts, as the command line names them.

pub(crate) mod csv;

use std::path::{Path, PathBuf};

use license_core::MAX_FILE_BYTES;
use license_issuer::delivery::{ArtifactDestination, Delivery, FileDelivery, StreamDelivery};
use license_issuer::files::Collision;
use license_issuer::ledger::sqlite::{LedgerFile, LedgerLocation};
use license_issuer::{hex, random};
use license_terminal::{Audience, Destination, Failure, Overwrite, Source};

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
        self.out.check(Overwrite::forced(self.force))?;
        match &self.out {
            Destination::File(path) if holds_private_key(path) => {
                Err(failures::private_key_there(path))
            }
            _ => Ok(()),
        }
    }

    /// Writes a public file. `--force` replaces other files, but never a private key.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        self.check()?;
        let overwrite = Overwrite::forced(self.force);
        self.out
            .write(text.as_bytes(), overwrite, Audience::Everyone)
    }

    /// Returns whether it is standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.out, Destination::Stdout)
    }
}

fn holds_private_key(path: &Path) -> bool {
    let file = Source::File(path.to_owned());
    path.is_file()
        && file
            .read_text(MAX_FILE_BYTES)
            .is_ok_and(|text| text.contains("PRIVATE KEY-"))
}

/// Returns the line that says that nothing was issued.
pub(crate) fn dry_run_line(out: &Destination) -> String {
    let out = match out {
        Destination::Stdout => "standard output".to_owned(),
        file => file.to_string(),
    };
    format!("dry run    nothing was minted or written; it would go to {out}")
}
