//! Failures of the commands for license servers.

use std::collections::BTreeSet;

use license_cli_support::{Exit, Failure, escape, plural};
use license_client::{LoginError, MissingLogin, OnlineError, OnlineSource};
use license_core::with_causes;
use serde_json::Value;

use crate::embedded::command;

/// Returns the failure of a request to a license server.
///
/// A refusal is a denial. A server that was not reached is a system error, and an answer that
/// proves nothing is indeterminate, so that scripts do not confuse them with a denial.
pub(crate) fn online(error: &OnlineError) -> Failure {
    let mut message = with_causes(error);
    if let OnlineError::Setting {
        origin: OnlineSource::Option,
        ..
    } = error
    {
        message = message.replacen("from the program", "from the command line", 1);
    }
    let failure = Failure::new(exit(error), error.code().to_owned(), message);
    let failure = match holders(error) {
        Some(holders) => failure.with_remark(&holders),
        None => failure,
    };
    match hint(error) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn exit(error: &OnlineError) -> Exit {
    match error {
        OnlineError::NoServer
        | OnlineError::Setting { .. }
        | OnlineError::SettingsFile { .. }
        | OnlineError::Login(LoginError::NotConfigured)
        | OnlineError::OtherServer { .. }
        | OnlineError::Project(_)
        | OnlineError::TelemetryOff => Exit::Usage,
        OnlineError::Unverified { .. } => Exit::Indeterminate,
        OnlineError::EachServer { last, .. } => exit(last),
        error if error.is_unreachable() => Exit::System,
        OnlineError::Problem(_)
        | OnlineError::WaitEnded { .. }
        | OnlineError::Borrowed { .. }
        | OnlineError::LoanEnded { .. }
        | OnlineError::NoLicense
        | OnlineError::NotCertified { .. }
        | OnlineError::Login(_)
        | OnlineError::MissingContext(_)
        | OnlineError::TelemetryForbidden { .. } => Exit::Denied,
        OnlineError::NotStored(error) if error.code().is_some() => Exit::Denied,
        _ => Exit::System,
    }
}

/// Describes who holds the seats, as far as the server states it.
fn holders(error: &OnlineError) -> Option<String> {
    /// The number of users that a message names.
    const MAX_USERS: usize = 5;
    let problem = error
        .problem()
        .filter(|problem| problem.code == "NO_SEAT")?;
    let usage = problem.facts.get("usage")?;
    let (held, allowed) = (
        usage.get("held")?.as_u64()?,
        usage.get("allowed")?.as_u64()?,
    );
    let holders = problem.facts.get("holders").and_then(Value::as_array);
    let users = holders.into_iter().flatten();
    let users: BTreeSet<&str> = users
        .filter_map(|holder| holder.get("user")?.as_str())
        .collect();
    let named: Vec<&str> = users.iter().copied().take(MAX_USERS).collect();
    let by = match users.len().saturating_sub(MAX_USERS) {
        0 if named.is_empty() => String::new(),
        0 => format!(", by {}", named.join(", ")),
        more => format!(
            ", by {} and {}",
            named.join(", "),
            plural(more, "other", "others")
        ),
    };
    let offered = usage.get("offered").and_then(Value::as_u64).unwrap_or(0);
    let reserved = match allowed.saturating_sub(held.saturating_add(offered)) {
        0 => String::new(),
        1 => "; 1 is reserved for others".to_owned(),
        rest => format!("; {rest} are reserved for others"),
    };
    Some(format!("{held} of {allowed} seats are held{by}{reserved}"))
}

/// Returns the hint with the commands of this program, whose name a vendor can change.
fn hint(error: &OnlineError) -> Option<String> {
    let hint = match error {
        OnlineError::NoServer => concat!(
            "run ",
            command!("config set server-url URL"),
            "; the administrator of the server has the URL"
        ),
        OnlineError::Setting { .. } | OnlineError::SettingsFile { .. } => concat!(
            "correct the setting; ",
            command!("config"),
            " shows all settings with their origin"
        ),
        OnlineError::Login(LoginError::NotConfigured) => concat!(
            "run ",
            command!("config set login-issuer URL"),
            " and ",
            command!("config set login-client-id ID"),
            "; the administrator of the server has both"
        ),
        OnlineError::Login(LoginError::Expired { .. } | LoginError::OtherProvider { .. }) => {
            concat!("log in again with ", command!("login"))
        }
        OnlineError::Login(LoginError::Required { reason, .. }) => match reason {
            MissingLogin::NotConfigured => concat!(
                "run ",
                command!("config set login-issuer URL"),
                " and ",
                command!("config set login-client-id ID"),
                ", and then ",
                command!("login"),
                "; the administrator of the server has both values"
            ),
            MissingLogin::NotLoggedIn => concat!("log in with ", command!("login")),
            MissingLogin::OtherServer => concat!(
                "omit --server-url, or name the server with ",
                command!("config set server-url URL")
            ),
            _ => return error.hint(),
        },
        OnlineError::Problem(problem) if problem.code == "LOGIN_MISMATCH" => concat!(
            "omit --user, because the seat has the name of the login; ",
            command!("login --status"),
            " shows it"
        ),
        OnlineError::Problem(problem) if problem.code == "BORROW_DURATION" => {
            let longest = problem.facts.get("max_borrow_seconds");
            let longest = longest
                .and_then(Value::as_u64)
                .filter(|seconds| *seconds > 0);
            let time = short_time(longest?);
            return Some(format!(
                "borrow the seat with {}",
                command!("seat borrow --for TIME").replace("--for TIME", &format!("--for {time}"))
            ));
        }
        OnlineError::Problem(problem) if problem.code == "LOGIN_EXPIRED" => {
            concat!(
                "log in with ",
                command!("login"),
                "; ",
                command!("login --status"),
                " shows the login"
            )
        }
        OnlineError::LoanEnded { .. } => concat!(
            "take a seat with ",
            command!("seat acquire"),
            ", or borrow one again with ",
            command!("seat borrow --for TIME")
        ),
        OnlineError::NoLicense => concat!("install the license with ", command!("install FILE")),
        OnlineError::Borrowed { .. } => concat!("return it with ", command!("seat return")),
        OnlineError::NoMachine => concat!("set an id for this machine, see ", command!("machine")),
        OnlineError::MissingContext(_) => {
            "give the value with --user, --app-version, --build-date or --usage-type"
        }
        OnlineError::TelemetryOff => concat!(
            "run ",
            command!("telemetry on"),
            ", which shows what would be sent"
        ),
        OnlineError::Project(_) => "give the path of an existing file or directory",
        OnlineError::Store(_) | OnlineError::NotStored(_) => concat!(
            "check the permissions and the free space of the state directory; ",
            command!("doctor"),
            " shows details"
        ),
        OnlineError::Random | OnlineError::NoThread(_) => "run the command again",
        OnlineError::Problem(problem) if problem.code == "NO_SEAT" => concat!(
            "wait for a free seat with ",
            command!("run --wait TIME -- COMMAND"),
            ", or ask a colleague to release one"
        ),
        OnlineError::Problem(problem) if problem.code == "NOT_ENROLLED" => concat!(
            "ask the administrator of the server for the enrollment token, and store it with ",
            command!("config set enrollment-token - < FILE")
        ),
        error => return error.hint(),
    };
    Some(hint.to_owned())
}

/// Returns a time as an option takes it, such as `7d`.
fn short_time(seconds: u64) -> String {
    const UNITS: [(u64, char); 3] = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')];
    let unit = UNITS.iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, letter) = unit.copied().unwrap_or((1, 's'));
    format!("{}{letter}", seconds / unit)
}

/// Returns the failure of a loan.
pub(crate) fn not_borrowed(error: &OnlineError) -> Failure {
    let failure = online(error);
    if error.code() != "NO_SEAT" {
        return failure;
    }
    failure.hint("try again when a seat is free, or ask a colleague to release one")
}

/// Returns the failure of `license login --status` without a login.
pub(crate) fn not_logged_in() -> Failure {
    Failure::new(Exit::Denied, "NO_LOGIN", "no user is logged in")
        .hint(concat!("log in with ", command!("login")))
}

/// Returns the failure of the return of a borrowed seat. Without the network, a receipt returns it.
pub(crate) fn not_returned(error: &OnlineError) -> Failure {
    let failure = online(error);
    if !error.is_unreachable() {
        return failure;
    }
    failure.hint(concat!(
        "repeat the command with the network, or write a receipt with ",
        command!("seat return --receipt FILE")
    ))
}

/// Returns the failure of the return of a seat that is not borrowed.
pub(crate) fn no_borrowed_seat() -> Failure {
    let message = "this project has borrowed no seat";
    Failure::new(Exit::Denied, "NOT_BORROWED", message).hint(concat!(
        command!("seat borrow --for TIME"),
        " borrows one, and ",
        command!("seat release"),
        " releases a seat that is not borrowed"
    ))
}

/// Returns the failure of a command about a stored seat that does not exist.
pub(crate) fn no_stored_seat(user: Option<&str>) -> Failure {
    let of_user = user.map_or_else(
        || "without --user".to_owned(),
        |user| format!("with --user {}", escape(user)),
    );
    let message = format!("no earlier command {of_user} took a seat for this project");
    Failure::new(Exit::Denied, "NO_LEASE", message).hint(concat!(
        "give the --user of the command that took the seat, or acquire one with ",
        command!("seat acquire"),
        "; ",
        command!("run -- COMMAND"),
        " holds a seat of its own"
    ))
}
