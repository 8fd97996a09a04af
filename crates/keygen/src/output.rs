//! Destinations of artifacts, as the command line names them.

use license_issuer::delivery::{ArtifactDestination, Delivery, FileDelivery, StreamDelivery};
use license_issuer::files::Collision;
use license_issuer::ledger::sqlite::{LedgerFile, LedgerLocation};
use license_issuer::services::{Deliverable, IssueTransaction};
use license_issuer::{hex, random};
use license_terminal::{Destination, Exit, Failure};

use crate::args::Out;
use crate::failures;

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
            let id: [u8; 8] = random::bytes().map_err(|error| no_random(&error))?;
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

/// Refuses a destination that cannot be written.
pub(crate) fn check(out: &Out) -> Result<(), Failure> {
    let checked = delivery(out).check(&destination(out)?);
    checked.map_err(|error| failures::not_delivered(&error))
}

/// Delivers a file that is not recorded.
pub(crate) fn write(out: &Out, content: &[u8]) -> Result<(), Failure> {
    let mut transaction = IssueTransaction {
        artifacts: Vec::new(),
        deliverables: vec![Deliverable {
            destination: destination(out)?,
            content: content.to_vec(),
        }],
    };
    let delivered = transaction.commit(None, &mut *delivery(out));
    delivered.map_err(|error| failures::not_committed(&error))
}

/// Returns the failure of a system without random bytes.
pub(crate) fn no_random(error: &random::RandomError) -> Failure {
    let _ = error;
    Failure::new(Exit::Machine, "RANDOM", "the system gives no random bytes")
        .hint("run the command again")
}
