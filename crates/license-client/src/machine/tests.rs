//! Simulated machines, and the components that are found on each.

mod clock_files;
mod configured_ids;
mod containers;
mod linux;
mod macos;
mod normalization;
mod simulated;
mod stability;
mod this_system;
mod windows;

use license_core::ProductCode;
use license_core::machine::ComponentKind::{
    self, AssignedId, Cpu, Mac, MachineId, ProductUuid, RootDisk,
};

use super::*;
use simulated::Simulated;

const ID: &str = "4f2c1d8e9ab34756b0e1c2d3f4a59687";

fn product() -> ProductCode {
    ProductCode::parse("ACME9").unwrap()
}

fn collect(system: &Simulated) -> MachineFacts {
    MachineFacts::collect_from(system, product(), Some("/etc/acme9".as_ref()))
}

fn kinds(facts: &MachineFacts) -> Vec<ComponentKind> {
    facts.found().map(FoundComponent::kind).collect()
}

fn value(facts: &MachineFacts, kind: ComponentKind) -> Option<&str> {
    let found = facts.found().find(|found| found.kind() == kind);
    found.map(FoundComponent::value)
}

fn reason(facts: &MachineFacts, kind: ComponentKind) -> Option<MissingReason> {
    let missing = facts.missing().find(|missing| missing.kind() == kind);
    missing.map(MissingComponent::reason)
}
