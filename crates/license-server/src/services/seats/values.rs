//! Values of requests for seats.

use license_core::machine::Machine;
use license_seats::{DenialReason, Holder, SeatGrant, SeatSecret};

use super::requests::AcquireRequest;
use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::services::seat_tokens::token_machine;
use crate::services::validate::parse_machine;

/// The longest name of a user or group, in bytes.
const MAX_NAME: usize = 256;

/// The longest id of a lease token, in bytes.
const MAX_TOKEN_ID: usize = 64;

/// The largest number of groups of a user.
const MAX_GROUPS: usize = 64;

/// Returns the session of an acquire, with bounded names.
pub(super) fn holder(request: &AcquireRequest, machine: &Machine) -> Result<Holder, Refusal> {
    check_name("user", &request.user)?;
    if request.groups.len() > MAX_GROUPS {
        return Err(bad_request("`groups` has too many names")
            .values(format!("at most {MAX_GROUPS} groups"), request.groups.len()));
    }
    for group in &request.groups {
        check_name("groups", group)?;
    }
    let holder = Holder::new(request.session, &request.user)
        .with_groups(request.groups.iter().map(String::as_str));
    Ok(holder.with_machine(token_machine(machine)))
}

fn check_name(member: &str, name: &str) -> Result<(), Refusal> {
    let is_accepted =
        !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    if is_accepted {
        return Ok(());
    }
    Err(bad_request(format!("`{member}` is not accepted")).values(
        format!("1 to {MAX_NAME} bytes without control characters"),
        format!("{} bytes", name.len()),
    ))
}

/// Returns the machine of a token: the machine that the client names, or that of the lease.
pub(super) fn lease_machine(grant: &SeatGrant, named: Option<&str>) -> Result<Machine, Refusal> {
    let holder = &grant.lease.holder;
    let named = named.map(parse_machine).transpose()?;
    match (&holder.machine, named) {
        (Some(machine), Some(named)) if *machine != token_machine(&named) => {
            let reason = DenialReason::SessionMismatch(holder.session);
            Err(
                Refusal::with_code(RefusalKind::Conflict, reason.code(), reason.to_string())
                    .values(machine, named),
            )
        }
        (Some(machine), _) => Ok(machine.clone()),
        (None, Some(named)) => Ok(named),
        (None, None) => Err(bad_request("`machine_id` is missing")
            .values("the machine, because the lease has none", "no machine")),
    }
}

/// Checks the id of a lease token. Any text of 1 to 64 bytes can be one.
pub(super) fn check_token_id(id: Option<&str>) -> Result<(), Refusal> {
    match id {
        Some(id) if id.is_empty() || id.len() > MAX_TOKEN_ID => Err(bad_request(
            "`token` is not the id of a lease token",
        )
        .values(
            format!("1 to {MAX_TOKEN_ID} bytes"),
            format!("{} bytes", id.len()),
        )),
        _ => Ok(()),
    }
}

pub(super) fn secret(text: &str) -> Result<SeatSecret, Refusal> {
    SeatSecret::parse(text).ok_or_else(|| {
        bad_request("`secret` is not the secret of a seat").values(
            "64 hexadecimal digits in lower case",
            format!("{} bytes", text.len()),
        )
    })
}

fn bad_request(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}
