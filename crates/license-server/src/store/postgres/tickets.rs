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
    waker: Arc<Mutex<Option<TicketWaker>>>,
    task: JoinHandle<()>,
}

impl TicketListener {
    /// Starts the background task.
    pub(super) fn start(database: Database) -> Self {
        let waker = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&waker);
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
        Self { waker, task }
    }

    /// Ends the background task.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// Sets what wakes the callers.
    pub(super) fn set_waker(&self, waker: TicketWaker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
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
    waker: &Mutex<Option<TicketWaker>>,
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
                wake(waker, None);
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(found))) => received(waker, found.payload()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
        }
    }
}

fn received(waker: &Mutex<Option<TicketWaker>>, content: &str) {
    for ticket in content.split(' ') {
        wake(waker, TicketId::parse(ticket));
    }
}

fn wake(waker: &Mutex<Option<TicketWaker>>, ticket: Option<TicketId>) {
    let waker = waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(waker) = waker {
        waker(ticket);
    }
}
