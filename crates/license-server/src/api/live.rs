//! Streams of server-sent events for people who watch the seats.
//!
//! Each event `change` has the whole state, as the same request without a stream returns it. Its id
//! is a digest of the state, so a client that connects again with `Last-Event-ID` gets an event
//! only if the state is another one. A client without streams polls the same URL with
//! `If-None-Match`.
//!
//! The credentials are checked again before each event, so a stream ends when a person signs out, a
//! session or token is revoked, or a role changes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use license_core::encoding::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::App;
use super::credentials::{Caller, is_still};
use super::peer::Peer;
use super::problem::Problem;
use crate::domain::{Permission, ServerCode};

/// The longest stream. The client connects again by itself.
const MAX_STREAM: Duration = Duration::from_secs(60);

/// After what time a client connects again.
const RETRY: Duration = Duration::from_secs(2);

/// The largest number of open streams of all callers.
const MAX_STREAMS: usize = 256;

/// The largest number of open streams of one caller.
const MAX_STREAMS_OF_CALLER: usize = 16;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Makes proxies such as nginx forward a stream before its end.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// The open streams.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamSlots(Arc<Mutex<HashMap<String, usize>>>);

/// The place of an open stream. Dropping it makes room for another stream.
#[derive(Debug)]
struct StreamSlot {
    slots: StreamSlots,
    caller: String,
}

impl StreamSlots {
    fn take(&self, caller: String) -> Option<StreamSlot> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().copied().sum();
        let of_caller = open.get(&caller).copied().unwrap_or(0);
        if all >= MAX_STREAMS || of_caller >= MAX_STREAMS_OF_CALLER {
            return None;
        }
        open.insert(caller.clone(), of_caller.saturating_add(1));
        Some(StreamSlot {
            slots: self.clone(),
            caller,
        })
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut open = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                open.remove(&self.caller);
            }
        }
    }
}

/// A caller who may watch the seats, with the request that proves it.
pub(super) struct Watcher {
    caller: Caller,
    headers: HeaderMap,
    peer: Option<Peer>,
}

impl<S: Send + Sync> FromRequestParts<S> for Watcher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self {
            caller: Caller::from_request_parts(parts, state).await?,
            headers: parts.headers.clone(),
            peer: parts.extensions.get::<Peer>().copied(),
        })
    }
}

impl Watcher {
    /// Returns the caller.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the headers of the request.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns whether the client asks for a stream.
    pub(super) fn wants_events(&self) -> bool {
        let accept = self.headers.get_all(header::ACCEPT).iter();
        let mut accept = accept.filter_map(|value| value.to_str().ok());
        accept.any(|value| value.contains("text/event-stream"))
    }

    /// Returns whether the caller may still watch the seats.
    async fn may_watch(&self, app: &App) -> bool {
        let (caller, headers) = (&self.caller, &self.headers);
        is_still(app, caller, headers, self.peer, Permission::ReadSeats).await
    }
}

/// States that the response depends on `Accept`.
pub(super) fn varied(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Returns a stream of the states that `load` returns, one for each change. `load` is called again
/// when `changes` is notified.
///
/// # Errors
///
/// Returns the problem of the first call of `load`, and `RATE_LIMITED` if too many streams are
/// open.
pub(super) async fn events<B, F, L>(
    app: &App,
    watcher: Watcher,
    changes: watch::Receiver<u64>,
    load: L,
) -> Result<Response, Problem>
where
    B: Serialize + 'static,
    F: Future<Output = Result<B, Problem>> + Send + 'static,
    L: Fn() -> F + Send + 'static,
{
    let identity = watcher.caller.principal().actor.identity().to_string();
    let slot = app.streams().take(identity);
    let slot = slot.ok_or_else(|| {
        app.metrics().limited.with_label_values(&["streams"]).inc();
        let detail = "too many streams of events are open";
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            ServerCode::RateLimited,
            detail,
        )
        .hint("close other streams, or poll with If-None-Match")
        .retry_after(RETRY)
    })?;
    let first = json(&load().await?);
    let last = watcher.headers.get(LAST_EVENT_ID);
    let last = last.and_then(|value| value.to_str().ok());
    let watching = Watching {
        app: app.clone(),
        changes,
        load,
        known: last.unwrap_or_default().to_owned(),
        watcher,
        next: Some(first),
        ends_at: Instant::now().checked_add(MAX_STREAM),
        _slot: slot,
    };
    let stream = Sse::new(watching.into_stream()).keep_alive(KeepAlive::default());
    Ok(([UNBUFFERED], stream).into_response())
}

fn json(state: &impl Serialize) -> String {
    serde_json::to_string(state).unwrap_or_default()
}

/// Returns the id of an event: a digest of its data.
fn event_id(data: &str) -> String {
    let digest = Sha256::digest(data);
    hex::encode(digest.get(..16).unwrap_or(&digest))
}

/// A client that watches.
struct Watching<L> {
    app: App,
    watcher: Watcher,
    changes: watch::Receiver<u64>,
    load: L,
    /// The id of the last event that the client has.
    known: String,
    /// The state that was read last, unless it was sent.
    next: Option<String>,
    ends_at: Option<Instant>,
    _slot: StreamSlot,
}

impl<B, F, L> Watching<L>
where
    B: Serialize + 'static,
    F: Future<Output = Result<B, Problem>> + Send + 'static,
    L: Fn() -> F + Send + 'static,
{
    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watching| async move {
            let event = watching.next_event().await?;
            Some((Ok(event), watching))
        })
    }

    /// Waits for a state that the client does not have. Returns `None` at the end of the stream.
    async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(data) = self.next.take() {
                let id = event_id(&data);
                if id != self.known {
                    self.known.clone_from(&id);
                    let event = Event::default().event("change").id(id).data(data);
                    return Some(event.retry(RETRY));
                }
            }
            let ends_at = self.ends_at?;
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = sleep_until(ends_at) => return None,
                () = self.app.stopped() => return None,
            }
            if !self.watcher.may_watch(&self.app).await {
                return None;
            }
            // A client that connects again learns why the state cannot be read.
            self.next = Some(json(&(self.load)().await.ok()?));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_streams_are_bounded_and_a_closed_one_makes_room() {
        let slots = StreamSlots::default();
        let mut open: Vec<_> = (0..MAX_STREAMS_OF_CALLER)
            .map(|_| slots.take("one".to_owned()).unwrap())
            .collect();
        assert!(slots.take("one".to_owned()).is_none());
        open.pop();
        open.push(slots.take("one".to_owned()).unwrap());
        for number in MAX_STREAMS_OF_CALLER..MAX_STREAMS {
            let caller = format!("caller {}", number % 100);
            open.push(slots.take(caller).unwrap());
        }
        assert!(slots.take("another".to_owned()).is_none());
        drop(open);
        assert!(slots.0.lock().unwrap().is_empty());
    }
}
