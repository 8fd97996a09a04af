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
/// - A recorded artifact gets its final file name. If its disk is disconnected, it stays pending.
/// - An artifact that is not recorded is deleted with its staging file.
/// - An artifact that may have been received, because it was printed or because its disk is not
///   connected, is recorded with [`DeliveryState::Uncertain`].
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
