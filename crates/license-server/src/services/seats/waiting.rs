//! Callers that wait for an offer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use license_seats::TicketId;
use tokio::sync::watch;

/// The tickets whose callers wait for an offer in this process.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    tickets: Mutex<HashMap<TicketId, watch::Sender<()>>>,
}

/// A caller that waits. Dropping it ends the wait.
#[derive(Debug)]
pub(super) struct WaitingCaller {
    waiting: Arc<Waiting>,
    ticket: TicketId,
    offers: watch::Receiver<()>,
}

impl Waiting {
    /// Registers a caller. An offer after this call is not missed.
    pub(super) fn register(self: &Arc<Self>, ticket: TicketId) -> WaitingCaller {
        let mut tickets = self.lock();
        let sender = tickets
            .entry(ticket)
            .or_insert_with(|| watch::channel(()).0);
        WaitingCaller {
            waiting: Arc::clone(self),
            ticket,
            offers: sender.subscribe(),
        }
    }

    /// Wakes all callers.
    pub(super) fn wake_all(&self) {
        for sender in self.lock().values() {
            let _ = sender.send(());
        }
    }

    /// Wakes the callers of a ticket.
    pub(super) fn wake(&self, ticket: TicketId) {
        if let Some(sender) = self.lock().get(&ticket) {
            // A caller that has gone away is not woken.
            let _ = sender.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TicketId, watch::Sender<()>>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitingCaller {
    /// Waits for an offer.
    pub(super) async fn wait(mut self) {
        // The sender exists as long as a caller does.
        let _ = self.offers.changed().await;
    }
}

impl Drop for WaitingCaller {
    fn drop(&mut self) {
        let mut tickets = self.waiting.lock();
        // The caller itself is one receiver.
        let is_last = tickets
            .get(&self.ticket)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if is_last {
            tickets.remove(&self.ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_offer_before_the_wait_is_not_missed_and_nothing_stays_behind() {
        let waiting = Arc::new(Waiting::default());
        let ticket = TicketId::from_bytes([1; 16]);
        let (one, two) = (waiting.register(ticket), waiting.register(ticket));
        waiting.wake(ticket);
        one.wait().await;
        assert_eq!(waiting.lock().len(), 1);
        two.wait().await;
        assert_eq!(waiting.lock().len(), 0);
        waiting.wake(ticket);
    }
}
