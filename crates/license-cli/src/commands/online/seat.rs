//! `license seat`: a seat for the lifetime of one lease, for shell scripts.

use license_cli_support::{Exit, Failure, Fields, Meaning, Terminal, escape, show_path};
use license_client::StoredSeat;
use license_core::time::rfc3339;
use serde_json::json;

use super::{connect, seat_request};
use crate::args::{Seat, SeatAction};
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
    match arguments.action {
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
    }
    Ok(Exit::Success)
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
            "seq": lease.seq(),
            "expires_at": rfc3339(lease.expires_at()).to_string(),
            "valid_for_seconds": seconds,
            "renew_after_seconds": lease.renew_after().num_seconds(),
            "is_overage": seat.is_overage(),
            "end_reason": seat.end_reason(),
            "lease": lease.as_str(),
        }));
    }
    let screen = terminal.screen();
    let rest = format!("the lease is valid for {seconds} s");
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
    let text = screen.sentence(Meaning::Good, "held", &rest);
    terminal.data(&format!("{text}\n{}", fields.to_text(screen.columns())))?;
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
