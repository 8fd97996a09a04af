//! Names that are shown with ids, such as that of the person who made a change.

use std::collections::{BTreeMap, BTreeSet};

use license_dashboard::Cell;

use super::context::PageContext;
use crate::api::problem::Problem;
use crate::domain::{GroupId, Membership, Permission as P, RefusalKind, TenantId};
use crate::services::{Services, is_alike};

/// The names of ids that a page shows. An id of something that was deleted has none.
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// Looks the names of ids up, such as `account:acc_…`, `tok_…` or the id of a license, as far
    /// as the person may know them. Other texts have none.
    ///
    /// # Errors
    ///
    /// Returns a problem if the store cannot be read.
    pub(super) async fn of(
        context: &PageContext,
        texts: impl IntoIterator<Item = &str>,
    ) -> Result<Self, Problem> {
        let texts: BTreeSet<&str> = texts.into_iter().collect();
        let services = context.services()?;
        let mut names = lists(context, services, &texts).await?;
        for text in texts {
            if let Some(name) = one(context, services, text).await? {
                names.insert(text.to_owned(), name);
            }
        }
        Ok(Self(names))
    }

    /// Returns the name of an id.
    pub(super) fn get(&self, text: &str) -> Option<&str> {
        self.0.get(text).map(String::as_str)
    }

    /// Returns the name of an id, or the short id, for a narrow column.
    pub(super) fn short(&self, text: &str) -> Cell {
        self.get(text)
            .map_or_else(|| Cell::code(short_id(text)), Cell::text)
    }

    /// Returns a link with the name of an id, or with the short id.
    pub(super) fn link(&self, href: impl Into<String>, text: &str) -> Cell {
        let label = self.get(text).map_or_else(|| short_id(text), str::to_owned);
        Cell::link(href, label)
    }

    /// Returns the name of an id with the id below it, or the id.
    pub(super) fn cell(&self, text: &str) -> Cell {
        match self.get(text) {
            Some(name) => Cell::Lines(vec![Cell::text(name), Cell::code(text)]),
            None => Cell::code(text),
        }
    }
}

/// Returns an id of a provider for a narrow column: its kind and its end, such as `evt_…KPCvA7vX`.
pub(super) fn short_provider_id(text: &str) -> String {
    let kind = text.find('_').map_or(0, |place| place.saturating_add(1));
    let (kind, rest) = text.split_at(kind);
    let end = rest
        .len()
        .checked_sub(SHORT)
        .and_then(|start| rest.get(start..));
    match end {
        Some(end) if rest.len() > SHORT => format!("{kind}…{end}"),
        _ => text.to_owned(),
    }
}

/// The number of characters of an id that distinguish it from others on one page.
const SHORT: usize = 8;

/// Returns an id for a narrow column: its kind and its end, such as `tok_…5155fc7` or `…c3f4a224`.
/// A short id and another text stay as they are.
pub(super) fn short_id(text: &str) -> String {
    let kind = text.find('_').map_or(0, |place| place.saturating_add(1));
    let (kind, rest) = text.split_at(kind);
    let is_id = rest.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match rest
        .len()
        .checked_sub(SHORT)
        .and_then(|start| rest.get(start..))
    {
        Some(end) if is_id && rest.len() > 2 * SHORT => format!("{kind}…{end}"),
        _ => text.to_owned(),
    }
}

/// Returns the name of an organization of a person, with its id if another organization of the
/// person or the server has such a name. Members choose the names, so a name alone proves nothing.
pub(super) fn organization_label(one: &Membership, all: &[Membership]) -> String {
    let label = one.label();
    let has_name = |other: &Membership| is_alike(other.label(), label);
    let others = all.iter().filter(|other| other.tenant != one.tenant);
    let is_shared = others.into_iter().any(has_name);
    let is_stranger = one.tenant != TenantId::site() && is_alike(label, TenantId::UNNAMED);
    if is_shared || is_stranger {
        return format!("{label} ({})", short_id(one.tenant.as_str()));
    }
    label.to_owned()
}

/// Returns the id in the text of an originator, or the text.
fn id_of(text: &str) -> &str {
    let id = text.strip_prefix("account:");
    let id = id.or_else(|| text.strip_prefix("token:"));
    let id = id.or_else(|| text.strip_prefix("license:"));
    id.unwrap_or(text)
}

/// Returns the names of API tokens, webhooks and identity providers, whose lists are short. Each
/// list is read once, if a text needs it.
async fn lists(
    context: &PageContext,
    services: &Services,
    texts: &BTreeSet<&str>,
) -> Result<BTreeMap<String, String>, Problem> {
    let needs = |prefix: &str| texts.iter().any(|text| id_of(text).starts_with(prefix));
    let mut known = BTreeMap::new();
    if needs("tok_") && context.may(P::ReadTokens) {
        let tokens = services.tokens.list().await?.into_iter();
        known.extend(tokens.map(|token| (token.id, token.name)));
    }
    if needs("whk_") && context.may(P::ReadWebhooks) {
        let webhooks = services.webhooks.list().await?.into_iter();
        known.extend(webhooks.map(|webhook| (webhook.id, webhook.url.origin().to_owned())));
    }
    if needs("idp_") && context.may(P::ReadSettings) {
        let providers = services.identity_providers.list().await?.into_iter();
        known.extend(providers.map(|provider| (provider.id, provider.settings.name)));
    }
    let named = texts.iter().filter_map(|text| {
        let name = known.get(id_of(text))?;
        Some(((*text).to_owned(), name.clone()))
    });
    Ok(named.collect())
}

/// Returns the name of a member, a group or a license.
async fn one(
    context: &PageContext,
    services: &Services,
    text: &str,
) -> Result<Option<String>, Problem> {
    let id = id_of(text);
    let found = if id.starts_with("acc_") && context.may(P::ReadPeople) {
        let found = services.members.get(id).await;
        found.map(|member| member.name)
    } else if let Some(group) = GroupId::parse(id).filter(|_| context.may(P::ReadPeople)) {
        services.groups.get(&group).await.map(|group| group.name)
    } else if let Ok(license) = id.parse().map_err(drop)
        && context.may(P::ReadLicenses)
    {
        let found = services.licenses.get(&license).await;
        found.map(|license| license.record.customer)
    } else {
        return Ok(fixed(text).map(str::to_owned));
    };
    match found {
        Ok(name) => Ok(Some(name)),
        Err(refusal) if refusal.kind == RefusalKind::Internal => Err(refusal.into()),
        // The member, the group or the license no longer exists.
        Err(_) => Ok(None),
    }
}

/// Returns the name of an originator that is not a person.
fn fixed(text: &str) -> Option<&'static str> {
    Some(match text {
        "console" => "Console of the server",
        "setup" => "One-time link",
        "server" => "The server",
        "ledger" => "Another program with the ledger",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_with_the_name_of_another_is_shown_with_its_id() {
        let at = license_core::time::MIN;
        let named = |number: u128, name: &str| Membership {
            name: Some(name.to_owned()),
            ..Membership::of_owner(TenantId::new(uuid::Uuid::from_u128(number)), at)
        };
        let site = Membership::of_owner(TenantId::site(), at);
        let all = [
            site.clone(),
            named(1, "this SERVER"),
            named(2, "ACME"),
            named(3, "Other"),
            named(4, "acme"),
        ];
        let labels = all.each_ref().map(|one| organization_label(one, &all));
        let expected = [
            "This server (site)",
            "this SERVER (…00000001)",
            "ACME (…00000002)",
            "Other",
            "acme (…00000004)",
        ];
        assert_eq!(labels, expected);
        // A stranger who has only this organization sees that it is not the server.
        let alone = [named(1, "This server")];
        assert_eq!(
            organization_label(&alone[0], &alone),
            "This server (…00000001)"
        );
        assert_eq!(organization_label(&site, &[]), "This server");
    }

    #[test]
    fn an_id_is_shown_by_its_kind_and_its_end() {
        assert_eq!(
            short_id("tok_01a8b00438007331a5c6805b5b155fc7"),
            "tok_…5b155fc7"
        );
        assert_eq!(
            short_id("01a8b004-3c3a-7af5-bb32-f077c3f4a224"),
            "…c3f4a224"
        );
        assert_eq!(short_id("sub_Jo4MbwI1ovZr4O"), "sub_Jo4MbwI1ovZr4O");
        assert_eq!(short_id("invitation.create"), "invitation.create");
        assert_eq!(short_id("console"), "console");
        assert_eq!(short_id(""), "");
    }

    #[test]
    fn an_id_of_a_provider_keeps_its_kind_and_its_end() {
        for (text, short) in [
            ("evt_1NG8Du2eZvKYlo2CUI79vXWy", "evt_…UI79vXWy"),
            ("check_01a22dd2_sub_Jqc7PY6JbUGg8S", "check_…6JbUGg8S"),
            ("sub_1", "sub_1"),
            ("sub_12345678", "sub_12345678"),
            ("", ""),
        ] {
            assert_eq!(super::short_provider_id(text), short, "{text}");
        }
    }
}
