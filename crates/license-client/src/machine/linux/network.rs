//! Network cards, by sysfs-class-net.

use std::path::Path;

use crate::machine::finding::{Outcome, first, judge};
use crate::machine::{MissingReason, System, identity};

const FOLDER: &str = "/sys/class/net";

/// How firmly a card sits in the machine, from what is changed least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seat {
    Wired,
    Wireless,
    /// A USB adapter, a dock, a telephone.
    Plugged,
}

/// The lowest permanent address of the cards that sit most firmly. So neither a dock nor the order in which the kernel finds
/// the cards changes it, and of the cards in the machine only one does.
pub(super) fn mac(system: &dyn System) -> Outcome {
    let names = system.list(Path::new(FOLDER)).unwrap_or_default();
    let mut cards: Vec<(Seat, Outcome)> = names
        .iter()
        .filter_map(|name| {
            let folder = format!("{FOLDER}/{name}");
            let seat = seat(system, &folder)?;
            Some((seat, address(system, &folder)?))
        })
        .collect();
    let value = |outcome: &Outcome| outcome.as_ref().map(|found| found.value.clone()).ok();
    cards.sort_by_cached_key(|(seat, outcome)| (*seat, value(outcome)));
    if cards.is_empty() {
        return Err(MissingReason::NotFound.into());
    }
    first(cards.into_iter().map(|(_, outcome)| outcome))
}

/// None for what is no card of this machine: bridges, tunnels, ends of containers, and the functions that a card lends to
/// virtual machines.
fn seat(system: &dyn System, folder: &str) -> Option<Seat> {
    let is_there = |file: &str| system.exists(Path::new(&format!("{folder}/{file}")));
    let device = system.link(Path::new(folder)).ok()?;
    let device = device.to_string_lossy();
    let is_card = is_there("device") && !device.contains("/virtual/");
    let is_lent = is_there("device/physfn");
    // ARPHRD_ETHER, which wireless cards are too.
    let is_ethernet = read(system, folder, "type").is_some_and(|kind| kind == "1");
    if !is_card || is_lent || !is_ethernet {
        return None;
    }
    let removable = read(system, folder, "device/removable");
    let is_plugged = removable.is_some_and(|answer| answer == "removable");
    Some(match is_there("phy80211") {
        _ if is_plugged || device.contains("/usb") => Seat::Plugged,
        true => Seat::Wireless,
        false => Seat::Wired,
    })
}

/// The address that the card was made with: one in a bond shows the bond's, a wireless one shows what was made up for the
/// network. None if that is not to be had.
fn address(system: &dyn System, folder: &str) -> Option<Outcome> {
    // NET_ADDR_PERM; otherwise it is random, another card's, or was set by hand.
    let is_permanent = || read(system, folder, "addr_assign_type").is_some_and(|kind| kind == "0");
    let told = read(system, folder, "bonding_slave/perm_hwaddr")
        .or_else(|| read(system, folder, "phy80211/macaddress"))
        .or_else(|| read(system, folder, "address").filter(|_| is_permanent()))?;
    let source = format!("{folder}/address");
    Some(judge(&source, Ok(told), identity::mac_address))
}

fn read(system: &dyn System, folder: &str, file: &str) -> Option<String> {
    let text = system.read(Path::new(&format!("{folder}/{file}"))).ok()?;
    Some(text.trim().to_owned())
}
