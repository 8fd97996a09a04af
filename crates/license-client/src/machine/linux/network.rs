//! Network cards, from sysfs-class-net.

use std::path::Path;

use crate::machine::component::{Lookup, check, first};
use crate::machine::{MissingReason, System, identity};

const NETWORK_CLASS: &str = "/sys/class/net";

/// How a card is attached to the machine. The most permanent attachment comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attachment {
    Wired,
    Wireless,
    /// A USB adapter, a docking station or a telephone.
    Plugged,
}

/// Returns the lowest permanent address of the cards with the most permanent attachment.
///
/// Neither a docking station nor the order of detection changes the result. Only the built-in card
/// with the lowest address determines it.
pub(super) fn mac(system: &dyn System) -> Lookup {
    let names = system.list(Path::new(NETWORK_CLASS)).unwrap_or_default();
    let mut cards: Vec<(Attachment, Lookup)> = names
        .iter()
        .filter_map(|name| {
            let directory = format!("{NETWORK_CLASS}/{name}");
            let attachment = attachment(system, &directory)?;
            Some((attachment, address(system, &directory)?))
        })
        .collect();
    let value = |outcome: &Lookup| outcome.as_ref().map(|found| found.value.clone()).ok();
    cards.sort_by_cached_key(|(attachment, outcome)| (*attachment, value(outcome)));
    if cards.is_empty() {
        return Err(MissingReason::NotFound.into());
    }
    first(cards.into_iter().map(|(_, outcome)| outcome))
}

/// Returns how a card is attached. Returns `None` for an interface that is not a card of this
/// machine, such as a bridge, a tunnel, an interface of a container, or a virtual function of a
/// card.
fn attachment(system: &dyn System, directory: &str) -> Option<Attachment> {
    let exists = |file: &str| system.exists(Path::new(&format!("{directory}/{file}")));
    let device = system.read_link(Path::new(directory)).ok()?;
    let device = device.to_string_lossy();
    let is_card = exists("device") && !device.contains("/virtual/");
    let is_virtual_function = exists("device/physfn");
    // ARPHRD_ETHER is the type of wired and wireless cards.
    let is_ethernet = read(system, directory, "type").is_some_and(|kind| kind == "1");
    if !is_card || is_virtual_function || !is_ethernet {
        return None;
    }
    let removable = read(system, directory, "device/removable");
    let is_plugged = removable.is_some_and(|answer| answer == "removable");
    Some(if is_plugged || device.contains("/usb") {
        Attachment::Plugged
    } else if exists("phy80211") {
        Attachment::Wireless
    } else {
        Attachment::Wired
    })
}

/// Returns the permanent address of a card, or `None` if it is unknown. The current address of a
/// card in a bond is the address of the bond. The current address of a wireless card may be random.
fn address(system: &dyn System, directory: &str) -> Option<Lookup> {
    // The type 0 is NET_ADDR_PERM. Otherwise the address is random, belongs to another card, or was
    // set by a user.
    let is_permanent =
        || read(system, directory, "addr_assign_type").is_some_and(|kind| kind == "0");
    let address = read(system, directory, "bonding_slave/perm_hwaddr")
        .or_else(|| read(system, directory, "phy80211/macaddress"))
        .or_else(|| read(system, directory, "address").filter(|_| is_permanent()))?;
    let source = format!("{directory}/address");
    Some(check(&source, Ok(address), identity::mac_address))
}

fn read(system: &dyn System, directory: &str, file: &str) -> Option<String> {
    let text = system
        .read(Path::new(&format!("{directory}/{file}")))
        .ok()?;
    Some(text.trim().to_owned())
}
