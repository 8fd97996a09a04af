//! `license run`: a command that holds a floating seat.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use license_cli_support::{Failure, Terminal};
use license_client::{OnlineError, QueuePlace, Seat, SeatEvent, SeatRequest};
use license_core::with_causes;

use super::child::{self, ChildProcess, SignalWatch};
use super::{connect, seat_request};
use crate::args::{OnLoss, Run};
use crate::context::AppContext;
use crate::output::failure;

/// Acquires a seat, runs the command, and releases the seat. Returns the exit code of the command.
///
/// The seat is released on each way out: dropping it sends the release. The command and its child
/// processes count the seat, which is stored for them.
///
/// # Errors
///
/// Returns the failure that ends the program before the command runs.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Run,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let online = connect(app, &arguments.online)?;
    let request = seat_request(app, &online, &arguments.online, &arguments.project)?;
    // From here on, a signal ends the program only after the seat is released.
    let mut signals = SignalWatch::start()?;
    let child = Arc::new(ChildProcess::default());
    let request = request.on_event({
        let (child, terminal) = (Arc::clone(&child), terminal.clone());
        let stops = arguments.on_loss == OnLoss::Stop;
        move |event| report(event, stops, &child, &terminal)
    });
    let acquired = acquire(request, arguments, &mut signals, terminal);
    if let Some(code) = signals.pending() {
        // The seat, if there is one, is released here.
        return Ok(code);
    }
    let seat = acquired.map_err(|error| failure::online(&error))?;
    if seat.is_overage() {
        terminal.note("all seats of the license are held; this one exceeds the license");
    }
    let mut command = child::command(&arguments.command);
    if let Err(error) = seat.share_with(&mut command) {
        let message = format!("the command cannot count the seat: {}", with_causes(&error));
        terminal.warning(error.code(), &message);
    }
    let status = child.run(command, &mut signals, terminal);
    release(seat, terminal);
    status
}

fn acquire(
    request: SeatRequest,
    arguments: &Run,
    signals: &mut SignalWatch,
    terminal: &Terminal,
) -> Result<Seat, OnlineError> {
    let Some(patience) = arguments.wait else {
        return request.acquire();
    };
    let mut reported = None;
    request.wait(patience, |place| {
        if reported.as_ref() != Some(place) {
            terminal.note(&describe(place));
            reported = Some(place.clone());
        }
        if signals.has_pending() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

fn describe(place: &QueuePlace) -> String {
    let QueuePlace {
        position, waiting, ..
    } = place;
    let estimate = place.estimate.map(|estimate| estimate.as_secs());
    let estimate = estimate.map_or_else(String::new, |seconds| format!(", about {seconds} s"));
    format!("waiting for a seat: position {position} of {waiting} in the queue{estimate}")
}

/// Tells the user about an event of the seat, and stops the command if the seat is lost.
fn report(event: &SeatEvent, stops: bool, child: &ChildProcess, terminal: &Terminal) {
    match event {
        SeatEvent::Late { .. } => terminal.warning("SEAT_LATE", &event.to_string()),
        SeatEvent::Lost { code, .. } => {
            let action = if stops {
                "; stopping the command"
            } else {
                "; the command continues without a seat"
            };
            terminal.warning(code, &format!("{event}{action}"));
            if stops {
                child.stop();
            }
        }
        SeatEvent::NotShared { error } => terminal.warning(error.code(), &event.to_string()),
        event => terminal.note(&event.to_string()),
    }
}

fn release(seat: Seat, terminal: &Terminal) {
    if let Err(error) = seat.release() {
        let message = format!(
            "the seat was not released, and ends with its lease: {}",
            with_causes(&error)
        );
        terminal.warning(error.code(), &message);
    }
}
