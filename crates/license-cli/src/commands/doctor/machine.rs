//! The identity of this machine.

use license_client::{MachineFacts, MissingComponent, MissingReason, Stability};
use license_core::machine::ComponentKind;

use super::{CheckResult, Fault};
use crate::context::AppContext;

/// Checks how well this machine is identified.
pub(super) fn id(app: &AppContext, facts: &MachineFacts) -> CheckResult {
    let digest = facts
        .digest()
        .map_or_else(|| "no digest".to_owned(), |digest| digest.to_string());
    let (stability, explanation) = (facts.stability(), facts.explain());
    // The first sentence describes the identity. A second one says how to improve it.
    let (description, advice) = explanation
        .split_once(". ")
        .unwrap_or((explanation.trim_end_matches('.'), ""));
    let message = format!("{digest}, {stability}: {description}");
    let is_weak = matches!(stability, Stability::Weak | Stability::None);
    let weak = is_weak.then(|| Fault::warning(&*message, advice));
    let rejected = facts.missing().find_map(|missing| rejected(app, missing));
    let faults = rejected.into_iter().chain(weak).collect();
    CheckResult::new("machine", faults, message)
}

/// Returns a warning if a machine id was given and is rejected.
fn rejected(app: &AppContext, missing: &MissingComponent) -> Option<Fault> {
    let is_given = missing.kind() == ComponentKind::AssignedId;
    if !is_given || missing.reason() == MissingReason::NotFound {
        return None;
    }
    let source = missing.source().unwrap_or("the given machine id");
    let message = format!("{source} is ignored: {}", missing.reason());
    let hint = format!(
        "set {}_MACHINE_ID to a unique id of 8 to 128 characters, or unset the variable",
        app.manager.product()
    );
    Some(Fault::warning(message, hint))
}

/// Reports whether this machine is a container.
pub(super) fn container(facts: &MachineFacts) -> CheckResult {
    let message = match facts.container() {
        None => "none".to_owned(),
        Some(kind) => kind.to_owned(),
    };
    CheckResult::ok("container", message)
}
