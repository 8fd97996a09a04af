//! `license seat`: a seat for the lifetime of one lease, for shell scripts.

use std::time::Duration;

use license_cli_support::{
    Audience, Destination, Exit, Failure, Fields, Meaning, Overwrite, Terminal, escape, show_path,
};
use license_client::{OnlineError, SeatOrigin, SeatRequest, StoredSeat};
use license_core::time::rfc3339;
use license_core::with_causes;
use serde_json::json;

use super::{connect, seat_request};
use crate::args::{Seat, SeatAction, SeatReturn};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::failure;

/// Acquires, shows or releases a seat.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(super) fn run(
    app: &AppContext,
    arguments: &Seat,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let of_seat = arguments.action.arguments();
    let online = connect(app, &of_seat.online)?;
    let request = seat_request(app, &online, &of_seat.online, &of_seat.project.path)?;
    let failed = |error| failure::online(&error);
    let missing = || failure::no_stored_seat(of_seat.online.user.as_deref());
    match &arguments.action {
        SeatAction::Acquire(_) => print(&request.store().map_err(failed)?, terminal)?,
        SeatAction::Status(_) => {
            let seat = request.stored().map_err(failed)?;
            print(&seat.ok_or_else(missing)?, terminal)?;
        }
        SeatAction::Release(_) => {
            let freed = request.release_stored().map_err(failed)?;
            let freed = freed.ok_or_else(missing)?;
            print_release(freed, terminal)?;
        }
        SeatAction::Borrow(borrow) => {
            let seat = request.borrow(borrow.duration);
            let seat = seat.map_err(|error| failure::not_borrowed(&error))?;
            print(&seat, terminal)?;
            note_longer_loan(&seat, borrow.duration, terminal);
        }
        SeatAction::Return(returned) => return_seat(request, returned, terminal)?,
    }
    Ok(Exit::Success)
}

/// Notes that the seat stays borrowed for longer than this command asked for.
fn note_longer_loan(seat: &StoredSeat, requested: Duration, terminal: &Terminal) {
    /// The difference that two clocks and a slow answer explain.
    const TOLERANCE: Duration = Duration::from_secs(60);
    if seat.expires_in() > requested.saturating_add(TOLERANCE) {
        terminal.note(
            "the earlier loan lasts longer than the requested one, and a repetition never \
             shortens a loan",
        );
    }
}

/// Returns a borrowed seat to its server, or writes the receipt for it.
fn return_seat(
    request: SeatRequest,
    arguments: &SeatReturn,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some(file) = &arguments.receipt else {
        let freed = request.return_borrowed();
        let freed = freed.map_err(|error| failure::not_returned(&error))?;
        return print_return(freed.ok_or_else(failure::no_borrowed_seat)?, terminal);
    };
    let overwrite = Overwrite::from_force(arguments.force);
    file.check(overwrite)?;
    let receipt = request.return_with_receipt();
    let receipt = receipt.map_err(|error| failure::online(&error))?;
    let receipt = receipt.ok_or_else(failure::no_borrowed_seat)?;
    let text = receipt.to_armor();
    let is_file = matches!(file, Destination::File(_)) && !file.is_stream();
    if is_file || !terminal.is_json() {
        file.write(text.as_bytes(), overwrite, Audience::Everyone)?;
    }
    if terminal.is_json() {
        let path = is_file.then(|| file.to_string());
        return terminal.json(&json!({
            "kind": receipt.kind().label(),
            "content": receipt.to_json(),
            "text": text,
            "path": path,
        }));
    }
    if is_file {
        terminal.data(&format!(
            "wrote the receipt to {}",
            escape(&file.to_string())
        ))?;
    }
    terminal.note(
        "this machine does not use the seat any more; send the receipt to the administrator of \
         the license server, who frees the seat with it",
    );
    Ok(())
}

fn print(seat: &StoredSeat, terminal: &Terminal) -> Result<(), Failure> {
    let lease = seat.lease();
    let seconds = seat.expires_in().as_secs();
    if terminal.is_json() {
        return terminal.json(&json!({
            "session": seat.session().to_string(),
            "root": seat.root().path().to_string_lossy(),
            "server": seat.server(),
            "license_id": lease.license_id().as_str(),
            "pool": lease.pool(),
            "mode": lease.mode(),
            "seq": lease.seq(),
            "expires_at": rfc3339(lease.expires_at()).to_string(),
            "valid_for_seconds": seconds,
            "renew_after_seconds": lease.renew_after().num_seconds(),
            "is_overage": seat.is_overage(),
            "end_reason": seat.end_reason(),
            "unconfirmed": seat.unconfirmed().map(OnlineError::code),
            "lease": lease.as_str(),
        }));
    }
    let screen = terminal.screen();
    let is_borrowed = seat.origin() == SeatOrigin::Borrow;
    let rest = if is_borrowed {
        let until = rfc3339(lease.expires_at());
        format!("until {until}, without the network")
    } else {
        format!("the lease is valid for {seconds} s")
    };
    let verdict = if is_borrowed { "borrowed" } else { "held" };
    let mut fields = Fields::new();
    fields.add("session", seat.session().to_string());
    fields.add("project", show_path(seat.root().path()));
    fields.add("server", escape(seat.server()).into_owned());
    fields.add(
        "lease",
        format!("number {} of {}", lease.seq(), escape(lease.pool())),
    );
    if seat.is_overage() {
        fields.add(
            "overage",
            "all seats are held; this one exceeds the license",
        );
    }
    let text = screen.sentence(Meaning::Good, verdict, &rest);
    terminal.data(&format!("{text}\n{}", fields.to_text(screen.columns())))?;
    if let Some(error) = seat.unconfirmed() {
        terminal.note(&format!(
            "no license server confirmed the loan, which is not needed: {}",
            with_causes(error)
        ));
    }
    if is_borrowed && seat.end_reason().is_none() {
        terminal.note(concat!(
            "programs of this project use the seat until then; ",
            command!("seat return"),
            " returns it earlier"
        ));
        return Ok(());
    }
    if let Some(reason) = seat.end_reason() {
        let message =
            format!("an administrator ended the lease, so it cannot be renewed: {reason}");
        terminal.warning("NOT_RENEWABLE", &message);
        return Ok(());
    }
    let renew = lease.renew_after().num_seconds();
    terminal.note(&format!(
        "nothing renews this lease; run {} every {renew} s, or use {}",
        command!("seat acquire"),
        command!("run -- COMMAND")
    ));
    Ok(())
}

fn print_return(freed: bool, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&json!({ "freed": freed }));
    }
    terminal.data(if freed {
        "returned: the seat is free"
    } else {
        "returned: another process of the session uses the seat, or the loan had ended"
    })
}

fn print_release(freed: bool, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(&json!({ "freed": freed }));
    }
    terminal.data(if freed {
        "released: the seat is free"
    } else {
        "released: another process of the session uses the seat, or its lease had ended"
    })
}
