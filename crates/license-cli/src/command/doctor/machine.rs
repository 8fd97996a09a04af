//! What tells this machine from others.

use license_client::{MachineFacts, Missing, MissingReason, Stability};
use license_core::ComponentKind;

use super::{Check, Fault};
use crate::subject::Site;

pub(super) fn id(site: &Site, facts: &MachineFacts) -> Check {
    let digest = facts
        .digest()
        .map_or_else(|| "no digest".to_owned(), |digest| digest.to_string());
    let (stability, explanation) = (facts.stability(), facts.explain());
    // A sentence, and another on what to do if there is something to gain.
    let (says, advice) = explanation
        .split_once(". ")
        .unwrap_or((explanation.trim_end_matches('.'), ""));
    let message = format!("{digest}, {stability}: {says}");
    let is_weak = matches!(stability, Stability::Weak | Stability::None);
    let weak = is_weak.then(|| Fault::warning(&*message, advice));
    let refused = facts.missing().find_map(|missing| refused(site, missing));
    let faults = refused.into_iter().chain(weak).collect();
    Check::of("machine", faults, message)
}

/// An id that was given, and does not count.
fn refused(site: &Site, missing: &Missing) -> Option<Fault> {
    let is_given = missing.kind() == ComponentKind::GivenId;
    if !is_given || missing.reason() == MissingReason::NotFound {
        return None;
    }
    let source = missing.source().unwrap_or("the id that was given");
    let message = format!("{source} does not count: {}", missing.reason());
    let hint = format!(
        "set {}_MACHINE_ID to an id of this machine's own, of 8 to 128 characters, or unset it",
        site.host.product()
    );
    Some(Fault::warning(message, hint))
}

pub(super) fn container(facts: &MachineFacts) -> Check {
    let message = match facts.container() {
        None => "none".to_owned(),
        Some(kind) => kind.to_owned(),
    };
    Check::ok("container", message)
}
