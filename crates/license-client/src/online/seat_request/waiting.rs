//! Waits for a seat in the queue.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use ureq::http::Method;

use super::super::error::OnlineError;
use super::super::queue::{QueuePlace, QueueReply};
use super::super::random;
use super::super::seat::Seat;
use super::super::transport::{Call, Limit, Route};
use super::{Acquired, Attempt, SeatRequest};
use crate::boot_time::BootTime;

/// The longest time for which a server may hold the answer to a poll.
const POLL: Duration = Duration::from_secs(5);

/// The pause after an attempt that reached no server.
const PAUSE: Duration = Duration::from_secs(1);

impl SeatRequest {
    /// Acquires a seat. Waits in the queue if none is free, for at most `patience`.
    ///
    /// `on_place` is called with the place in the queue at least every five seconds while a server
    /// answers. If it returns `ControlFlow::Break`, the session leaves the queue.
    ///
    /// # Blocking
    ///
    /// Returns within `patience` and the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::WaitEnded`] if no seat became free in time or `on_place` ended the
    /// wait, and otherwise the errors of [`Self::acquire`].
    ///
    /// ```no_run
    /// # fn client() -> Result<license_client::Client, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// let client = client()?;
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    ///
    /// let seat = client.seat(".")?.wait(Duration::from_secs(600), |place| {
    ///     eprintln!("position {} of {}", place.position, place.waiting);
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(
        mut self,
        patience: Duration,
        mut on_place: impl FnMut(&QueuePlace) -> ControlFlow<()>,
    ) -> Result<Seat, OnlineError> {
        if let Some(seat) = self.borrowed_seat()? {
            return Ok(seat);
        }
        let started = BootTime::now();
        let left = || patience.saturating_sub(BootTime::now().since(started));
        let attempt = Attempt::new()?;
        let (mut server, mut ticket) = match self.request(&attempt, true)? {
            Acquired::Seat(seat) => return Ok(*seat),
            Acquired::Queued { server, ticket } => (server, ticket),
        };
        loop {
            let place = ticket.place();
            if on_place(&place).is_break() || left().is_zero() {
                self.leave(server, &ticket, &attempt);
                return Err(OnlineError::WaitEnded { place });
            }
            match self.poll(server, &ticket, &attempt, left().min(POLL)) {
                Ok(Acquired::Seat(seat)) => return Ok(*seat),
                Ok(Acquired::Queued { ticket: next, .. }) => ticket = next,
                // The claim of an offered seat, whose answer was lost, ends the ticket.
                Err(error) if error.code() == "UNKNOWN_TICKET" => {
                    match self.request(&attempt, true)? {
                        Acquired::Seat(seat) => return Ok(*seat),
                        Acquired::Queued {
                            server: next,
                            ticket: at,
                        } => {
                            (server, ticket) = (next, at);
                        }
                    }
                }
                Err(error) if error.is_unreachable() && left() > PAUSE => thread::sleep(PAUSE),
                Err(error) => {
                    self.leave(server, &ticket, &attempt);
                    return Err(error);
                }
            }
        }
    }

    fn poll(
        &mut self,
        server: usize,
        ticket: &QueueReply,
        attempt: &Attempt,
        wait: Duration,
    ) -> Result<Acquired, OnlineError> {
        let nonce = random::nonce()?;
        let (ticket, session, instance) = (&ticket.ticket, self.session, &attempt.instance);
        let seconds = wait.as_secs().max(1);
        let path = format!(
            "/api/v1/queue/{ticket}?session={session}&instance={instance}&nonce={nonce}&wait={seconds}"
        );
        let call = Call {
            method: Method::GET,
            path: &path,
            body: None,
            license: Some(&self.license_key),
            deletion_secret: None,
            idempotency_key: None,
        };
        let limit = Limit::Longer(Duration::from_secs(seconds));
        let answer = self.transport.send(&call, Route::First(server), limit)?;
        self.accept(&answer, attempt, nonce)
    }

    /// Leaves the queue. If no server answers, the ticket ends by itself.
    fn leave(&self, server: usize, ticket: &QueueReply, attempt: &Attempt) {
        let (ticket, session, instance) = (&ticket.ticket, self.session, &attempt.instance);
        let call = Call {
            method: Method::DELETE,
            path: &format!("/api/v1/queue/{ticket}?session={session}&instance={instance}"),
            body: None,
            license: Some(&self.license_key),
            deletion_secret: None,
            idempotency_key: None,
        };
        let _ = self
            .transport
            .send(&call, Route::First(server), Limit::Configured);
    }
}
