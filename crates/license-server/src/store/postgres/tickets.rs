//! Notifications of other nodes about tickets that got an offer, or that ended.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use license_seats::TicketId;
use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;

use super::database::Database;
use super::queries::query;
use super::transaction::Transaction;
use crate::log_limit;
use crate::store::{ServerStoreError, TicketWaker};

/// The most tickets of a notification. PostgreSQL limits its length to 8000 bytes.
const MAX_TICKETS: usize = 100;

/// The content of a notification about more tickets.
const ALL: &str = "*";

/// How long a node waits before it connects again.
const RETRY: Duration = Duration::from_secs(1);

/// Notifies all nodes of tickets, when the transaction is committed.
pub(super) async fn notify(db: &Transaction, tickets: &[TicketId]) -> Result<(), ServerStoreError> {
    let content = if tickets.len() > MAX_TICKETS {
        ALL.to_owned()
    } else {
        let tickets: Vec<_> = tickets.iter().map(TicketId::to_string).collect();
        tickets.join(" ")
    };
    db.query(query!("ticket_notify"), &[&content]).await?;
    Ok(())
}

/// Receives the notifications, and wakes the callers that wait for these tickets.
pub(super) struct TicketListener {
    wakers: Arc<Mutex<Vec<TicketWaker>>>,
    task: JoinHandle<()>,
}

impl TicketListener {
    /// Starts the background task.
    pub(super) fn start(database: Database) -> Self {
        let wakers = Arc::<Mutex<Vec<TicketWaker>>>::default();
        let shared = Arc::clone(&wakers);
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&database, &shared).await
                    && let Some(repeated) = log_limit::pass("notifications")
                {
                    let error = license_core::with_causes(&error);
                    tracing::error!(%error, repeated, "cannot receive notifications");
                }
                tokio::time::sleep(RETRY).await;
            }
        });
        Self { wakers, task }
    }

    /// Ends the background task.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// Adds what wakes the callers.
    pub(super) fn add_waker(&self, waker: TicketWaker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.push(waker);
    }
}

impl Drop for TicketListener {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Receives notifications until the connection is lost.
async fn listen(
    database: &Database,
    wakers: &Mutex<Vec<TicketWaker>>,
) -> Result<(), ServerStoreError> {
    let (client, mut connection) = database.connect().await?;
    let mut request = pin!(client.batch_execute("LISTEN license_server_tickets"));
    let mut is_listening = false;
    loop {
        tokio::select! {
            result = &mut request, if !is_listening => {
                result?;
                is_listening = true;
                // Earlier notifications may be missed.
                wake(wakers, None);
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(found))) => received(wakers, found.payload()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
        }
    }
}

fn received(wakers: &Mutex<Vec<TicketWaker>>, content: &str) {
    for ticket in content.split(' ') {
        wake(wakers, TicketId::parse(ticket));
    }
}

fn wake(wakers: &Mutex<Vec<TicketWaker>>, ticket: Option<TicketId>) {
    let wakers = wakers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    for waker in wakers {
        waker(ticket);
    }
}
