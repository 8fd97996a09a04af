//! The floating seat of this process, or of the project in the working directory.

use std::ffi::OsString;

use license_client::{now, seat_variable};
use license_core::session::SessionId;

use super::license::Verdict;
use super::{CheckResult, Fault};
use crate::context::AppContext;
use crate::embedded::command;
use crate::output::held_seat;

/// Checks the floating seat, if the license requires one.
pub(super) fn seat(app: &AppContext, verdict: &Verdict<'_>) -> Option<CheckResult> {
    const NAME: &str = "seat";
    if !verdict.license()?.requires_seat() {
        return None;
    }
    let variable = seat_variable(app.manager.product());
    let value = std::env::var_os(&variable).filter(|value| !value.is_empty());
    let is_session = |value: &OsString| {
        let text = value.to_str();
        text.is_some_and(|text| text.parse::<SessionId>().is_ok())
    };
    if value.as_ref().is_some_and(|value| !is_session(value)) {
        let message = format!("{variable}: expected a session id, found another text");
        let hint = format!("remove the variable; {} sets it", command!("run"));
        return Some(CheckResult::new(
            NAME,
            vec![Fault::warning(message, hint)],
            String::new(),
        ));
    }
    let seat = verdict.evaluation()?.seat.as_ref();
    Some(CheckResult::ok(
        NAME,
        match (seat, value) {
            (Some(seat), _) => held_seat::line(seat, now()),
            (None, Some(_)) => format!("no lease is stored for the session in {variable}"),
            (None, None) => {
                "no lease is stored for the project in the working directory".to_owned()
            }
        },
    ))
}
