//! Recovery after a crash.

use std::slice;

use crate::delivery::ArtifactDestination;
use crate::errors::LedgerError;
use crate::files;
use crate::ledger::pending::DeliveryState;
use crate::ledger::writer::LedgerWriter;

/// Completes or rolls back the artifacts that a crashed process left pending.
///
/// The caller holds the writer lock, so no other process can be working on these artifacts.
///
/// - A recorded file gets its final name. If that fails, for example because its disk is
///   disconnected, the artifact stays pending.
/// - A recorded artifact that was printed needs nothing more.
/// - An artifact that is not recorded is discarded with its staging file. If it was printed, or if
///   the staging file cannot be deleted, someone may have received it. It is then recorded with
///   [`DeliveryState::Uncertain`].
///
/// # Errors
///
/// Returns [`LedgerError`] if the ledger cannot be read or written.
pub fn recover(writer: &mut dyn LedgerWriter) -> Result<(), LedgerError> {
    for artifact in writer.pending()? {
        let is_recorded = artifact.stored.is_some_and(|stored| stored.is_recorded);
        match (&artifact.destination, is_recorded) {
            (
                ArtifactDestination::File {
                    path,
                    staging,
                    collision,
                },
                true,
            ) => {
                if files::recover(staging, path, *collision).is_err() {
                    continue;
                }
            }
            (ArtifactDestination::File { staging, .. }, false)
                if files::discard(staging).is_ok() => {}
            (_, false) => writer.record(slice::from_ref(&artifact), DeliveryState::Uncertain)?,
            (ArtifactDestination::Stream, true) => {}
        }
        writer.finish(slice::from_ref(&artifact))?;
    }
    Ok(())
}
