//! Recovery after a crash.

use std::slice;

use crate::delivery::{ArtifactDestination, check_file};
use crate::errors::LedgerError;
use crate::files::{self, Collision};
use crate::ledger::pending::{DeliveryState, PendingArtifact};
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
/// The ledger may contain pending artifacts that this program did not store. Recovery therefore
/// touches only staging files: regular files in the directory of their destination, with a name
/// that [`files::staging_path`] returns. It replaces no file of another owner and no private key.
/// An artifact with another staging file stays pending.
///
/// # Errors
///
/// Returns [`LedgerError`] if the ledger cannot be read or written.
pub fn recover(writer: &mut dyn LedgerWriter) -> Result<(), LedgerError> {
    for artifact in writer.pending()? {
        match outcome(&artifact) {
            RecoveryOutcome::Pending => continue,
            RecoveryOutcome::Uncertain => {
                writer.record(slice::from_ref(&artifact), DeliveryState::Uncertain)?;
            }
            RecoveryOutcome::Settled => {}
        }
        writer.finish(slice::from_ref(&artifact))?;
    }
    Ok(())
}

/// The outcome of the recovery of an artifact.
enum RecoveryOutcome {
    /// The artifact has its final name, or is deleted.
    Settled,
    /// Someone may have received the artifact.
    Uncertain,
    /// The artifact cannot be recovered now.
    Pending,
}

/// Renames or deletes the staging file of an artifact.
fn outcome(artifact: &PendingArtifact) -> RecoveryOutcome {
    let is_recorded = artifact.stored.is_some_and(|stored| stored.is_recorded);
    let ArtifactDestination::File {
        path,
        staging,
        collision,
    } = &artifact.destination
    else {
        return if is_recorded {
            RecoveryOutcome::Settled
        } else {
            RecoveryOutcome::Uncertain
        };
    };
    if !artifact.is_recoverable() {
        return RecoveryOutcome::Pending;
    }
    if !is_recorded {
        return match files::discard(staging) {
            Ok(()) => RecoveryOutcome::Settled,
            Err(_) => RecoveryOutcome::Uncertain,
        };
    }
    // The file at the path may be another one than when the artifact was issued.
    let collision = match check_file(path, *collision) {
        Ok(()) => *collision,
        Err(_) => Collision::Refuse,
    };
    match files::recover(staging, path, collision) {
        Ok(()) => RecoveryOutcome::Settled,
        Err(_) => RecoveryOutcome::Pending,
    }
}
