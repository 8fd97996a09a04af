//! Transactions that record artifacts and deliver them.

use crate::delivery::{ArtifactDestination, Delivery, Discarded};
use crate::errors::{DeliveryError, LedgerError};
use crate::ledger::{DeliveryState, LedgerWriter, PendingArtifact};

/// The content of a file or stream.
#[derive(Clone, Debug)]
pub struct Deliverable {
    /// The destination.
    pub destination: ArtifactDestination,
    /// The bytes.
    pub content: Vec<u8>,
}

/// The reason why artifacts were not recorded or not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// The ledger could not be read or written.
    #[error("cannot write to the ledger")]
    Ledger(#[source] LedgerError),
    /// An artifact could not be delivered.
    #[error("cannot deliver the artifacts")]
    Delivery(#[source] DeliveryError),
}

/// Artifacts that are recorded together and delivered, to one destination or to many.
///
/// The table lists the steps of [`commit`](Self::commit). If a process crashes after a step,
/// [`recover`](crate::ledger::recover) handles its artifacts.
///
/// | step | recovery after a crash |
/// |---|---|
/// | [`LedgerWriter::begin`] | deletes partial staging files and the pending artifacts |
/// | [`Delivery::stage`] | deletes the staging files and the pending artifacts |
/// | [`LedgerWriter::record`] | renames the staging files, deletes the pending artifacts |
/// | [`Delivery::publish`] | deletes the pending artifacts |
/// | [`LedgerWriter::finish`] | has nothing left to do |
///
/// Before the artifacts are recorded, no artifact is issued. Afterwards, all artifacts are issued.
/// A stream has no staging file: [`Delivery::stage`] writes the artifact to the stream. After a
/// crash in this step, recovery records the artifact with [`DeliveryState::Uncertain`].
#[derive(Debug, Default)]
pub struct IssueTransaction {
    /// The artifacts to record. They are ignored without a ledger.
    pub artifacts: Vec<PendingArtifact>,
    /// The files and streams that contain the artifacts.
    pub deliverables: Vec<Deliverable>,
}

impl IssueTransaction {
    /// Records and delivers the artifacts. Without a writer, they are only delivered.
    ///
    /// # Errors
    ///
    /// Returns [`TransactionError`] if a step fails. Artifacts that the ledger contains are issued,
    /// and the next recovery delivers them. Otherwise no artifact is issued.
    pub fn commit(
        &mut self,
        writer: Option<&mut dyn LedgerWriter>,
        delivery: &mut dyn Delivery,
    ) -> Result<(), TransactionError> {
        for deliverable in &self.deliverables {
            let checked = delivery.check(&deliverable.destination);
            checked.map_err(TransactionError::Delivery)?;
        }
        match writer {
            Some(writer) if !self.artifacts.is_empty() => self.record(writer, delivery),
            _ => {
                if let Err(error) = self.stage(delivery) {
                    self.discard(delivery);
                    return Err(TransactionError::Delivery(error));
                }
                self.publish(delivery).map_err(TransactionError::Delivery)
            }
        }
    }

    fn record(
        &mut self,
        writer: &mut dyn LedgerWriter,
        delivery: &mut dyn Delivery,
    ) -> Result<(), TransactionError> {
        let begun = writer.begin(&mut self.artifacts);
        begun.map_err(TransactionError::Ledger)?;
        if let Err(error) = self.stage(delivery) {
            if self.discard(delivery) == Discarded::Removed {
                // If this call fails, the next recovery removes the pending artifacts.
                let _ = writer.finish(&self.artifacts);
            }
            return Err(TransactionError::Delivery(error));
        }
        let recorded = writer.record(&self.artifacts, DeliveryState::Delivered);
        recorded.map_err(TransactionError::Ledger)?;
        self.publish(delivery).map_err(TransactionError::Delivery)?;
        // The artifacts are recorded and delivered. If this call fails, the next recovery removes
        // the pending artifacts.
        let _ = writer.finish(&self.artifacts);
        Ok(())
    }

    fn stage(&self, delivery: &mut dyn Delivery) -> Result<(), DeliveryError> {
        let mut deliverables = self.deliverables.iter();
        deliverables.try_for_each(|deliverable| {
            delivery.stage(&deliverable.destination, &deliverable.content)
        })
    }

    fn publish(&self, delivery: &mut dyn Delivery) -> Result<(), DeliveryError> {
        let mut deliverables = self.deliverables.iter();
        deliverables.try_for_each(|deliverable| delivery.publish(&deliverable.destination))
    }

    fn discard(&self, delivery: &mut dyn Delivery) -> Discarded {
        let mut result = Discarded::Removed;
        for deliverable in &self.deliverables {
            if delivery.discard(&deliverable.destination) == Discarded::MaybeDelivered {
                result = Discarded::MaybeDelivered;
            }
        }
        result
    }
}
