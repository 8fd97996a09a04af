//! Calls that wait for a network.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;

/// After this time, the calling thread looks for signals such as Ctrl-C.
const TICK: Duration = Duration::from_millis(50);

/// How long the end of the process waits for calls that were interrupted: the longest poll of the
/// queue, and the request to leave it.
const PATIENCE: Duration = Duration::from_secs(7);

/// The calls that run in their own threads. A forked child process has no such thread.
static RUNNING: Mutex<Running> = Mutex::new(Running {
    process: 0,
    calls: 0,
});

struct Running {
    process: u32,
    calls: usize,
}

impl Running {
    /// Returns the calls of this process.
    fn lock() -> MutexGuard<'static, Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if running.process != process::id() {
            *running = Self {
                process: process::id(),
                calls: 0,
            };
        }
        running
    }
}

/// A call that is counted while it runs.
struct RunningCall;

impl RunningCall {
    fn start() -> Self {
        Running::lock().calls += 1;
        Self
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let mut running = Running::lock();
        running.calls = running.calls.saturating_sub(1);
    }
}

/// Waits for calls that were interrupted, such as for a session that leaves the queue.
pub(crate) fn wait_for_calls(py: Python<'_>) -> PyResult<()> {
    let started = Instant::now();
    while py.detach(|| Running::lock().calls > 0) && started.elapsed() < PATIENCE {
        py.detach(|| thread::sleep(TICK));
        py.check_signals()?;
    }
    Ok(())
}

/// A message from the thread of a call to the calling thread.
enum Message<E, T> {
    /// Something happened. The call waits for the reply whether to continue.
    Event(E, SyncSender<ControlFlow<()>>),
    /// The call has ended.
    Done(T),
}

/// Runs a call in its own thread, while the calling thread handles signals without the GIL.
///
/// If a signal handler raises an exception, such as `KeyboardInterrupt`, returns it at once. The
/// call then ends by itself within its time limit, and its result is dropped. The end of the
/// process waits for it: see [`wait_for_calls`].
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    call: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let call = |_: &mut dyn FnMut(Infallible) -> ControlFlow<()>| call();
    interruptible_with(py, call, |event| match event {})
}

/// Runs a call as [`interruptible`] does. The call can report events, for which `on_event` runs in
/// the calling thread. If `on_event` fails, or if a signal handler raises an exception, the reply
/// to the next event is `Break`.
pub(crate) fn interruptible_with<E: Send + 'static, T: Send + 'static>(
    py: Python<'_>,
    call: impl FnOnce(&mut dyn FnMut(E) -> ControlFlow<()>) -> T + Send + 'static,
    mut on_event: impl FnMut(E) -> PyResult<ControlFlow<()>>,
) -> PyResult<T> {
    let (sender, mut receiver) = mpsc::channel();
    let running = RunningCall::start();
    let run = move || {
        let _running = running;
        let events = sender.clone();
        let mut report = move |event| {
            let (reply, replied) = mpsc::sync_channel(1);
            let is_sent = events.send(Message::Event(event, reply)).is_ok();
            let reply = is_sent.then(|| replied.recv().ok()).flatten();
            reply.unwrap_or(ControlFlow::Break(()))
        };
        let result = call(&mut report);
        // The calling thread may have been interrupted.
        let _ = sender.send(Message::Done(result));
    };
    let thread = thread::Builder::new().name("coditect-license".to_owned());
    let started = thread.spawn(run);
    started.map_err(|error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
    loop {
        let message;
        (message, receiver) = py.detach(move || (receiver.recv_timeout(TICK), receiver));
        match message {
            Ok(Message::Done(result)) => return Ok(result),
            Ok(Message::Event(event, reply)) => {
                // The thread waits for this reply.
                let _ = reply.send(on_event(event)?);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the call ended with a panic"));
            }
        }
        py.check_signals()?;
    }
}
