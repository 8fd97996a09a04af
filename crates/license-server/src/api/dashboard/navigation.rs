//! The navigation: links to the pages that a person may open.

use license_dashboard::{NavigationGroup, NavigationItem};

use crate::domain::{Permission as P, Permissions};

/// A link of the navigation.
struct Entry {
    label: &'static str,
    href: &'static str,
    /// The permission that the page needs. `None`: everyone may open it.
    needs: Option<P>,
    servers: Servers,
    /// Whether an administrator of a group may open the page without the permission.
    is_for_groups: bool,
}

/// The pages that the person may open.
#[derive(Clone, Copy)]
pub(super) struct NavigationReach {
    pub(super) permissions: Permissions,
    pub(super) administers_groups: bool,
    pub(super) is_vendor: bool,
}

/// The servers that have a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Servers {
    All,
    Vendor,
}

const fn entry(label: &'static str, href: &'static str, needs: Option<P>) -> Entry {
    Entry {
        label,
        href,
        needs,
        servers: Servers::All,
        is_for_groups: false,
    }
}

/// The navigation of a person with all permissions.
const GROUPS: &[(&str, &[Entry])] = &[
    (
        "Use",
        &[
            entry("Overview", "/", None),
            entry("Seats", "/seats", Some(P::ReadSeats)),
            entry("Usage", "/usage", Some(P::ReadUsage)),
            entry("Seat planning", "/seat-planning", Some(P::ReadSeats)),
            entry("Metering", "/metering", Some(P::ReadUsage)),
        ],
    ),
    (
        "Licenses",
        &[
            entry("Licenses", "/licenses", Some(P::ReadLicenses)),
            entry("Machines", "/machines", Some(P::ReadLicenses)),
            entry("Anomalies", "/anomalies", Some(P::ReadLicenses)),
            Entry {
                servers: Servers::Vendor,
                ..entry("Ledger", "/ledger", Some(P::ReadLedger))
            },
        ],
    ),
    (
        "Sales",
        &[
            Entry {
                servers: Servers::Vendor,
                ..entry("Trials", "/trials", Some(P::ReadLicenses))
            },
            Entry {
                servers: Servers::Vendor,
                ..entry("Billing", "/billing", Some(P::ReadBilling))
            },
            Entry {
                servers: Servers::Vendor,
                ..entry("Billed usage", "/billing-amounts", Some(P::ReadBilling))
            },
            Entry {
                servers: Servers::Vendor,
                ..entry("Invoices", "/invoices", Some(P::ReadBilling))
            },
        ],
    ),
    (
        "Organization",
        &[
            entry("People", "/people", Some(P::ReadPeople)),
            Entry {
                is_for_groups: true,
                ..entry("Groups", "/groups", Some(P::ReadPeople))
            },
            entry("Audit trail", "/audit", Some(P::ReadAudit)),
            entry("Events", "/events", Some(P::ReadAudit)),
            entry("Webhooks", "/webhooks", Some(P::ReadWebhooks)),
            entry("API tokens", "/tokens", Some(P::ReadTokens)),
            entry(
                "Identity providers",
                "/identity-providers",
                Some(P::ReadSettings),
            ),
            entry("Settings", "/settings", Some(P::ReadSettings)),
        ],
    ),
];

/// Returns the links that a person may follow. `path`: the current page.
pub(super) fn navigation(reach: NavigationReach, path: &str) -> Vec<NavigationGroup> {
    let is_shown = |entry: &&Entry| {
        let is_here = match entry.servers {
            Servers::All => true,
            Servers::Vendor => reach.is_vendor,
        };
        let needed = entry.needs;
        let may_open = needed.is_none_or(|needed| reach.permissions.contains(needed));
        is_here && (may_open || (entry.is_for_groups && reach.administers_groups))
    };
    let groups = GROUPS.iter().map(|(label, entries)| {
        let items = entries.iter().filter(is_shown).map(|entry| NavigationItem {
            label: entry.label,
            href: entry.href,
            is_current: is_current(entry.href, path),
        });
        NavigationGroup {
            label,
            items: items.collect(),
        }
    });
    groups.filter(|group| !group.items.is_empty()).collect()
}

/// Returns whether a page is the one of a link, or below it.
fn is_current(href: &str, path: &str) -> bool {
    match path.strip_prefix(href) {
        Some(rest) => href != "/" && (rest.is_empty() || rest.starts_with('/')) || path == href,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_below_another_one_belongs_to_its_link() {
        assert!(is_current("/", "/"));
        assert!(!is_current("/", "/licenses"));
        assert!(is_current("/licenses", "/licenses"));
        assert!(is_current("/licenses", "/licenses/1/renew"));
        assert!(!is_current("/licenses", "/licenses-of-others"));
    }

    #[test]
    fn a_person_sees_only_pages_that_the_role_may_open() {
        let reach = NavigationReach {
            permissions: Permissions::NONE,
            administers_groups: false,
            is_vendor: false,
        };
        let none = navigation(reach, "/");
        let shown = none.iter().flat_map(|group| &group.items);
        assert!(shown.clone().any(|item| item.href == "/"));
        for (_, entries) in GROUPS {
            for entry in entries.iter().filter(|entry| entry.needs.is_some()) {
                assert!(
                    !shown.clone().any(|item| item.href == entry.href),
                    "{}",
                    entry.href
                );
            }
        }
    }

    #[test]
    fn the_guide_names_each_page_with_its_permission() {
        let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/server.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        for entry in GROUPS.iter().flat_map(|(_, entries)| *entries) {
            let start = format!("| {} |", entry.label);
            let needed = entry.needs.map(|needed| format!("`{needed}`"));
            let end = format!("| {} |", needed.as_deref().unwrap_or("none"));
            let is_row = |line: &str| line.starts_with(&start) && line.ends_with(&end);
            assert!(guide.lines().any(is_row), "{start} … {end}");
        }
    }
}
