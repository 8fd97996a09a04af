//! Webhooks: endpoints of an organization that receive its events.

mod deliveries;
mod secrets;

use std::fmt;
use std::sync::Arc;

use serde_json::json;
use zeroize::Zeroizing;

use super::site::{Site, random};
use crate::domain::{
    Actor, EVENT_KINDS, EventFilter, Permission, Principal, Refusal, RefusalKind, ServerCode,
    Webhook, WebhookChange, WebhookSecret, WebhookUrl, is_unsafe,
};
use crate::network::DestinationPolicy;

/// The longest description in characters.
const MAX_DESCRIPTION: usize = 200;

/// A request for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOrder {
    /// The URL.
    pub url: String,
    /// The patterns of the kinds of events.
    pub events: Vec<String>,
    /// A text for people.
    pub description: String,
}

/// A request to change an endpoint. A missing member stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookUpdate {
    /// The URL.
    pub url: Option<String>,
    /// The patterns of the kinds of events.
    pub events: Option<Vec<String>>,
    /// A text for people.
    pub description: Option<String>,
    /// Whether the endpoint gets deliveries.
    pub is_enabled: Option<bool>,
}

/// An endpoint with a new secret, which is shown once.
#[derive(Clone)]
pub struct NewWebhook {
    /// The endpoint.
    pub webhook: Webhook,
    /// The secret, as the receiver needs it.
    pub secret: Zeroizing<String>,
}

/// Omits the secret.
impl fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewWebhook")
            .field("webhook", &self.webhook)
            .finish_non_exhaustive()
    }
}

/// Manages endpoints, and queues deliveries to them.
#[derive(Clone)]
pub struct WebhookService {
    site: Arc<Site>,
    policy: Arc<DestinationPolicy>,
}

impl WebhookService {
    pub(super) fn new(site: Arc<Site>, policy: Arc<DestinationPolicy>) -> Self {
        Self { site, policy }
    }

    /// Creates an endpoint, which receives the events from now on.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN` if the caller may not read events, `BAD_REQUEST` if a value is not
    /// acceptable, `WEBHOOK_ADDRESS` if the server sends nothing to the address of the URL, and
    /// `LIMIT_REACHED` if the organization has 50 endpoints.
    pub async fn create(
        &self,
        caller: &Principal,
        order: &WebhookOrder,
    ) -> Result<NewWebhook, Refusal> {
        check_reader(caller)?;
        let secret = WebhookSecret::new(random()?);
        let webhook = Webhook {
            id: self.site.next_id_of("whk")?,
            url: self.url(&order.url)?,
            events: filter(&order.events)?,
            description: description(&order.description)?,
            disabled: None,
            created_at: self.site.wall(),
            created_by: caller.actor.to_string(),
            failing_since: None,
            previous_until: None,
        };
        let audit = self.site.audit(
            &caller.actor,
            "webhook.create",
            &webhook.id,
            webhook.audited(),
        );
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let sealed = self.sealed(&webhook.id, &secret)?;
        let created = store.create_webhook(tenant, webhook.clone(), sealed, audit);
        if created.await? {
            return Ok(NewWebhook {
                webhook,
                secret: secret.to_text(),
            });
        }
        let detail = "the organization has no room for another webhook";
        Err(
            Refusal::new(RefusalKind::Conflict, ServerCode::LimitReached, detail)
                .values(format!("at most {} webhooks", Webhook::MAX_COUNT), "more")
                .hint("delete a webhook that is no longer used"),
        )
    }

    /// Returns all endpoints, in the order of their creation.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<Webhook>, Refusal> {
        Ok(self.site.store.webhooks(&self.site.tenant).await?)
    }

    /// Returns an endpoint.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint.
    pub async fn get(&self, id: &str) -> Result<Webhook, Refusal> {
        let found = self.site.store.webhook(&self.site.tenant, id).await?;
        found.ok_or_else(not_found)
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint, and the errors of
    /// [`create`](Self::create).
    pub async fn update(
        &self,
        caller: &Principal,
        id: &str,
        update: WebhookUpdate,
    ) -> Result<Webhook, Refusal> {
        self.get(id).await?;
        check_reader(caller)?;
        let change = WebhookChange {
            url: update.url.map(|text| self.url(&text)).transpose()?,
            events: update.events.map(|events| filter(&events)).transpose()?,
            description: update
                .description
                .map(|text| description(&text))
                .transpose()?,
            is_enabled: update.is_enabled,
        };
        let audit = self
            .site
            .audit(&caller.actor, "webhook.change", id, json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let changed = store.change_webhook(tenant, id, change, audit).await?;
        changed.ok_or_else(not_found)
    }

    /// Deletes an endpoint with its deliveries.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint.
    pub async fn delete(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let audit = self.site.audit(actor, "webhook.delete", id, json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.delete_webhook(tenant, id, audit).await? {
            return Ok(());
        }
        Err(not_found())
    }

    /// Replaces the secret of an endpoint. Deliveries are signed with both secrets for a day.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such endpoint, and `FORBIDDEN` if the caller
    /// may not read events. A caller with the secret can send events to the receiver, so it needs
    /// the permissions with which it could create the endpoint.
    pub async fn rotate(&self, caller: &Principal, id: &str) -> Result<NewWebhook, Refusal> {
        self.get(id).await?;
        check_reader(caller)?;
        let actor = &caller.actor;
        let secret = WebhookSecret::new(random()?);
        let until = license_core::time::saturating_add(self.site.wall(), Webhook::ROTATION);
        let details = json!({ "previous_until": until });
        let audit = self.site.audit(actor, "webhook.rotate_secret", id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let sealed = self.sealed(id, &secret)?;
        let rotated = store.rotate_webhook_secret(tenant, id, sealed, until, audit);
        if !rotated.await? {
            return Err(not_found());
        }
        Ok(NewWebhook {
            webhook: self.get(id).await?,
            secret: secret.to_text(),
        })
    }

    /// Parses the URL of an endpoint. An address is checked at once. The addresses of a name are
    /// checked at each attempt, because they can change.
    fn url(&self, text: &str) -> Result<WebhookUrl, Refusal> {
        let expected = if self.policy.allows_http {
            "a URL with https or http and a host, without credentials and fragment"
        } else {
            "a URL with https and a host, without credentials and fragment"
        };
        let url = WebhookUrl::parse(text);
        let url = url.filter(|url| url.is_https() || self.policy.allows_http);
        let url = url.ok_or_else(|| {
            bad_request("the URL is not acceptable")
                .about("url")
                .values(expected, "another text")
                .hint("`webhook_http` permits http to the networks of `webhook_networks`")
        })?;
        match url.address() {
            Some(address) if !self.policy.permits(address, url.is_https()) => {
                Err(refused_address())
            }
            _ => Ok(url),
        }
    }
}

/// Requires that a caller may read events, because an endpoint of their choice receives them.
fn check_reader(caller: &Principal) -> Result<(), Refusal> {
    if caller.allows(Permission::ReadAudit) {
        return Ok(());
    }
    let detail = "the caller may not read the events that the webhook receives";
    Err(
        Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
            .values(Permission::ReadAudit, caller.permissions)
            .hint("use a token with both permissions"),
    )
}

fn refused_address() -> Refusal {
    let detail = "the server sends nothing to this address";
    Refusal::new(RefusalKind::BadRequest, ServerCode::WebhookAddress, detail)
        .about("url")
        .values("a public address", "another address")
        .hint("`webhook_networks` of the server permits other networks to its own organization")
}

fn filter(patterns: &[String]) -> Result<EventFilter, Refusal> {
    let refused = |found: &str| {
        bad_request("the kinds of events are not acceptable")
            .about("events")
            .values(
                format!(
                    "1 to {} kinds such as license.revoke, license.* or *",
                    EventFilter::MAX_PATTERNS
                ),
                found,
            )
            .hint("use kinds of the list of kinds; the answer to a program has it in `kinds`")
            .facts(json!({ "kinds": EVENT_KINDS }))
    };
    let filter = EventFilter::new(patterns).ok_or_else(|| refused("other texts"))?;
    match filter.unknown() {
        // A pattern has small letters, dots and an asterisk only.
        Some(unknown) => Err(refused(unknown)),
        None => Ok(filter),
    }
}

fn description(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let is_accepted = text.chars().count() <= MAX_DESCRIPTION && !text.chars().any(is_unsafe);
    is_accepted.then(|| text.to_owned()).ok_or_else(|| {
        bad_request("the description is not acceptable")
            .about("description")
            .values(
                format!("up to {MAX_DESCRIPTION} characters without control characters"),
                "another text",
            )
    })
}

fn bad_request(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}

fn not_found() -> Refusal {
    let detail = "there is no such webhook or delivery";
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        .hint("GET /api/v1/webhooks lists the webhooks")
}
