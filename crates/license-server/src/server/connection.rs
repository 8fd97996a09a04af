//! Limits of connections: their number, and the time for a handshake, a header and idleness.
//!
//! `hyper` has one time limit for the header of a request, which also counts the idle time before
//! it. A connection may be idle for longer than a header may take, so this module counts both.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::network::{Network, peer_of};

/// Accepts connections within the limits, and performs the TLS handshake if there is a certificate.
#[derive(Clone)]
pub(crate) struct LimitedAcceptor {
    pub(crate) tls: Option<RustlsAcceptor>,
    pub(crate) slots: Arc<Slots>,
}

/// A connection with or without TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

type AcceptedFuture<S> =
    Pin<Box<dyn Future<Output = io::Result<(LimitedStream, TrackedService<S>)>> + Send>>;

impl<S: Send + 'static> Accept<TcpStream, S> for LimitedAcceptor {
    type Stream = LimitedStream;
    type Service = TrackedService<S>;
    type Future = AcceptedFuture<S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (tls, slots) = (self.tls.clone(), Arc::clone(&self.slots));
        Box::pin(async move {
            let slot = slots.take(stream.peer_addr()?.ip())?;
            stream.set_nodelay(true)?;
            let limits = slots.limits;
            let stream: Box<dyn Transport> = match tls {
                None => Box::new(stream),
                Some(tls) => {
                    let tls = tls.handshake_timeout(limits.handshake_timeout);
                    // The service is not part of the handshake.
                    let (stream, _) = tls.accept(stream, ()).await.inspect_err(|error| {
                        if error.kind() == ErrorKind::TimedOut {
                            slots.closed("handshake");
                        }
                    })?;
                    Box::new(stream)
                }
            };
            let phase = Arc::new(Mutex::new(Phase::Header {
                end: Instant::now() + limits.header_timeout,
            }));
            let service = TrackedService {
                inner: service,
                phase: Arc::clone(&phase),
                idle_timeout: limits.idle_timeout,
            };
            Ok((LimitedStream::new(stream, phase, slot), service))
        })
    }
}

/// The open connections of a server.
pub(crate) struct Slots {
    limits: Limits,
    /// Proxies connect on behalf of others, so only the total counts for them.
    trusted_proxies: Vec<Network>,
    metrics: Arc<Metrics>,
    /// The number of connections of each peer that has one, and their sum.
    open: Mutex<OpenConnections>,
}

#[derive(Default)]
struct OpenConnections {
    total: u32,
    by_peer: HashMap<IpAddr, u32>,
}

impl Slots {
    pub(crate) fn new(
        limits: Limits,
        trusted_proxies: Vec<Network>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            limits,
            trusted_proxies,
            metrics,
            open: Mutex::default(),
        })
    }

    /// Takes a slot for a connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the server or the peer has too many connections.
    fn take(self: &Arc<Self>, address: IpAddr) -> io::Result<Slot> {
        let peer = peer_of(address);
        let mut open = lock(&self.open);
        if open.total >= self.limits.max_connections {
            self.closed("connections");
            return Err(io::Error::other("too many connections"));
        }
        let is_proxy = self
            .trusted_proxies
            .iter()
            .any(|proxy| proxy.contains(address));
        let own = open.by_peer.get(&peer).copied().unwrap_or(0);
        if own >= self.limits.max_connections_per_peer && !is_proxy {
            self.closed("connections_per_peer");
            return Err(io::Error::other("too many connections of one peer"));
        }
        open.by_peer.insert(peer, own.saturating_add(1));
        open.total = open.total.saturating_add(1);
        self.metrics.open_connections.inc();
        let slots = Arc::clone(self);
        Ok(Slot { slots, peer })
    }

    fn give_back(&self, peer: IpAddr) {
        let mut open = lock(&self.open);
        open.total = open.total.saturating_sub(1);
        let own = open.by_peer.get(&peer).copied().unwrap_or(0);
        if own > 1 {
            open.by_peer.insert(peer, own.saturating_sub(1));
        } else {
            open.by_peer.remove(&peer);
        }
        self.metrics.open_connections.dec();
    }

    fn closed(&self, reason: &str) {
        let closed = &self.metrics.closed_connections;
        closed.with_label_values(&[reason]).inc();
    }
}

/// A place among the open connections. Dropping it frees the place.
struct Slot {
    slots: Arc<Slots>,
    peer: IpAddr,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.give_back(self.peer);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The values are complete after each statement that changes them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The phase of a connection.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The header of a request must be complete at `end`.
    Header { end: Instant },
    /// A request is being answered. The body has its own time limit.
    Busy,
    /// The next request must begin before `end`.
    Idle { end: Instant },
}

/// A service that records for its connection when a request begins and when it is answered.
#[derive(Clone)]
pub(crate) struct TrackedService<S> {
    inner: S,
    phase: Arc<Mutex<Phase>>,
    idle_timeout: Duration,
}

impl<S, R> Service<R> for TrackedService<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        *lock(&self.phase) = Phase::Busy;
        let answered = self.inner.call(request);
        let (phase, idle_timeout) = (Arc::clone(&self.phase), self.idle_timeout);
        Box::pin(async move {
            let answered = answered.await;
            *lock(&phase) = Phase::Idle {
                end: Instant::now() + idle_timeout,
            };
            answered
        })
    }
}

/// A connection that ends when its peer is too slow.
pub(crate) struct LimitedStream {
    inner: Box<dyn Transport>,
    phase: Arc<Mutex<Phase>>,
    /// Wakes the task that reads.
    read_timer: Pin<Box<Sleep>>,
    /// Wakes the task that writes, while the peer accepts no data.
    write_timer: Option<Pin<Box<Sleep>>>,
    slot: Slot,
}

impl LimitedStream {
    fn new(inner: Box<dyn Transport>, phase: Arc<Mutex<Phase>>, slot: Slot) -> Self {
        Self {
            inner,
            phase,
            read_timer: Box::pin(sleep_until(Instant::now())),
            write_timer: None,
            slot,
        }
    }

    fn limits(&self) -> Limits {
        self.slot.slots.limits
    }

    /// Changes the phase after data was read.
    fn after_read(&self) {
        let mut phase = lock(&self.phase);
        if let Phase::Idle { .. } = *phase {
            *phase = Phase::Header {
                end: Instant::now() + self.limits().header_timeout,
            };
        }
    }

    /// Waits until the phase has lasted too long.
    fn poll_expired(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let phase = *lock(&self.phase);
        let (end, reason) = match phase {
            Phase::Busy => return Poll::Pending,
            Phase::Header { end } => (end, "header"),
            Phase::Idle { end } => (end, "idle"),
        };
        // Each request moves the end. A timer that is too early is set again when it has passed, so
        // that most requests do not change it.
        if self.read_timer.deadline() > end {
            self.read_timer.as_mut().reset(end);
        }
        ready!(self.read_timer.as_mut().poll(context));
        if Instant::now() < end {
            self.read_timer.as_mut().reset(end);
            ready!(self.read_timer.as_mut().poll(context));
        }
        self.slot.slots.closed(reason);
        Poll::Ready(ErrorKind::TimedOut.into())
    }

    /// Maps the result of a write. A peer that accepts no data for the time limit of a body is
    /// disconnected.
    fn after_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_timer = None;
            // A stream of events is not idle while events are sent.
            let mut phase = lock(&self.phase);
            if let Phase::Idle { end } = &mut *phase {
                *end = Instant::now() + self.slot.slots.limits.idle_timeout;
            }
            return written;
        }
        let end = Instant::now() + self.limits().body_timeout;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep_until(end)));
        ready!(timer.as_mut().poll(context));
        self.slot.slots.closed("write");
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // A peer that sends one byte at a time does not extend the limit.
        if let Poll::Ready(error) = self.poll_expired(context) {
            return Poll::Ready(Err(error));
        }
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.after_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.after_write(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.after_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
