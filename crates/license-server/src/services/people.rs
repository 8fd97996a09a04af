//! People: their accounts, sessions and memberships.
//!
//! An account belongs to a person, and joins organizations as a member. [`AccountService`] serves
//! people, whatever their organization, and [`MemberService`] serves the administrators of an
//! organization.

mod accounts;
mod codes;
mod devices;
mod export;
mod first_steps;
mod invitations;
mod links;
mod mails;
mod members;
mod organizations;
mod passwords;
mod seal;
mod sessions;
mod totp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

pub use accounts::{AccountName, AccountView, Reauthentication};
pub use codes::{ConfirmedTotp, NewTotp, RecoveryCodes};
pub use export::{AccountExport, LicenseUse};
pub use invitations::{NewInvitation, NewJoiner};
pub use links::{Registration, ResetLink};
pub use mails::{Mail, MailFailure, MailQueue, MailedPdf};
pub use members::MemberService;
pub use organizations::is_alike;
pub use passwords::{HashCost, Password};
pub use seal::Sealer;
pub(super) use sessions::wrong as wrong_credentials;
pub use sessions::{ClientInfo, NewSession, csrf_token};
#[cfg(test)]
pub(crate) use totp::code_of as totp_code;

use passwords::PasswordHasher;

use super::ids::IdSequence;
use super::site::random;
use crate::clock::{ServerClock as _, SteadyClock};
use crate::domain::{
    Account, AccountId, Actor, EmailAddress, NewAuditEntry, Refusal, RefusalKind, ServerCode,
    SignedIn, TenantId, is_unsafe,
};
use crate::store::ServerStore;

/// After how many ticks ended sessions and links are deleted.
const CLEAN_UP_TICKS: u64 = 600;

/// The longest name of a person or an organization, in characters.
const MAX_NAME: usize = 100;

/// The settings of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeopleSettings {
    /// Whether people can register an organization.
    pub registration: bool,
    /// How long a session lasts without a use.
    pub session_idle: TimeDelta,
    /// How long a session lasts at most.
    pub session_lifetime: TimeDelta,
    /// The cost of a password hash.
    pub cost: HashCost,
}

/// The parts that the services of people share.
pub struct PeopleTools {
    settings: PeopleSettings,
    /// The address of the server in links, without a slash at its end.
    base_url: String,
    hasher: PasswordHasher,
    sealer: Sealer,
    /// The queue of mails. `None`: the server cannot send mail.
    mail: Option<Arc<dyn MailQueue>>,
}

impl PeopleTools {
    /// Creates the parts.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the cost of a password hash is not accepted.
    pub fn new(
        settings: PeopleSettings,
        base_url: &str,
        sealer: Sealer,
        mail: Option<Arc<dyn MailQueue>>,
    ) -> Result<Arc<Self>, Refusal> {
        Ok(Arc::new(Self {
            settings,
            base_url: base_url.trim_end_matches('/').to_owned(),
            hasher: PasswordHasher::new(settings.cost)?,
            sealer,
            mail,
        }))
    }

    /// Returns the functions for secrets in the database and in cookies.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Returns a new account that is not verified.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` for a name and `WEAK_PASSWORD` for a password that is not accepted.
    pub(super) async fn new_account(
        &self,
        email: EmailAddress,
        name: &str,
        password: Password,
        created_at: DateTime<Utc>,
    ) -> Result<Account, Refusal> {
        let name = checked_name("person", name)?;
        let hash = self.hasher.hash(password, Some(&email)).await?;
        Ok(Account {
            id: new_account_id()?,
            email: Some(email),
            name,
            password: Some(hash),
            totp: None,
            created_at,
            verified_at: None,
        })
    }

    /// Returns the address of a page, with a secret in its fragment. Browsers do not send the
    /// fragment, so no log and no `Referer` has it.
    pub(super) fn link(&self, page: &str, secret: &str) -> String {
        format!("{}/{page}#{secret}", self.base_url)
    }
}

/// Serves people who sign in, whatever their organization.
pub struct AccountService {
    store: Arc<dyn ServerStore>,
    clock: SteadyClock,
    tools: Arc<PeopleTools>,
    /// The operator of the server, as authenticator apps show it.
    issuer: String,
    /// The organization of the server itself, which has no name.
    own: TenantId,
    ids: IdSequence,
    /// The links that are being sent. Others wait.
    turns: Arc<tokio::sync::Semaphore>,
    ticks: AtomicU64,
}

impl AccountService {
    pub(super) fn new(
        store: Arc<dyn ServerStore>,
        clock: SteadyClock,
        tools: Arc<PeopleTools>,
        issuer: String,
        own: TenantId,
    ) -> Self {
        Self {
            store,
            clock,
            tools,
            issuer,
            own,
            ids: IdSequence::default(),
            turns: Arc::new(tokio::sync::Semaphore::new(8)),
            ticks: AtomicU64::new(0),
        }
    }

    /// Returns whether people can register an organization.
    pub fn accepts_registrations(&self) -> bool {
        self.tools.settings.registration && self.tools.has_mail()
    }

    /// Returns whether people can ask for a link for a new password.
    pub fn sends_mail(&self) -> bool {
        self.tools.has_mail()
    }

    /// Returns the current time, which does not follow sudden jumps.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.wall()
    }

    /// Returns an audit entry of now about an account.
    fn audit(&self, actor: Actor, account: &AccountId, action: &'static str) -> NewAuditEntry {
        let details = serde_json::json!({});
        NewAuditEntry::new(actor, action, account.as_str(), details, self.now())
    }

    /// Returns an audit entry of now about the account of a person who changes it.
    fn own_audit(&self, person: &SignedIn, action: &'static str) -> NewAuditEntry {
        self.audit(person.actor(), &person.account.id, action)
    }

    /// Deletes sessions and links that have ended, once in ten minutes. The server calls it once a
    /// second.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub(super) async fn tick(&self) -> Result<(), Refusal> {
        let number = self.ticks.fetch_add(1, Ordering::Relaxed);
        if !number.is_multiple_of(CLEAN_UP_TICKS) {
            return Ok(());
        }
        let now = self.now();
        let idle = self.tools.settings.session_idle;
        let idle_before = license_core::time::saturating_sub(now, idle);
        while self.store.forget_ended(now, idle_before).await? > 0 {}
        Ok(())
    }
}

/// Returns a new id of an account.
fn new_account_id() -> Result<AccountId, Refusal> {
    Ok(AccountId::from_random(random()?))
}

/// Checks the name of a person or an organization. Returns it without spaces around it. Names are
/// in mails to strangers, so they contain no URL.
pub(super) fn checked_name(kind: &str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let is_length_accepted = (1..=MAX_NAME).contains(&text.chars().count());
    if is_length_accepted && !text.chars().any(is_unsafe) && !text.contains("://") {
        return Ok(text.to_owned());
    }
    let detail = format!("the name of the {kind} is not accepted");
    let member = match kind {
        "organization" => "organization",
        "customer" => "customer",
        "payment" => "reference",
        _ => "name",
    };
    Err(bad_request(detail).about(member).values(
        format!("1 to {MAX_NAME} characters without control characters and URLs"),
        "another text",
    ))
}

pub(super) fn bad_request(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}

fn conflict(code: ServerCode, detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Conflict, code, detail)
}

fn forbidden(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
}

pub(super) fn not_found(kind: &str) -> Refusal {
    let detail = format!("there is no such {kind}");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}

/// Returns the refusal of a link that cannot be used.
pub(super) fn link_ended() -> Refusal {
    Refusal::new(
        RefusalKind::Forbidden,
        ServerCode::LinkEnded,
        "the link was used, was withdrawn, or has ended",
    )
    .hint("request another link")
}

pub(super) fn address_taken() -> Refusal {
    conflict(
        ServerCode::AddressTaken,
        "an account with the e-mail address exists",
    )
    .hint("sign in with this account; a new password can be set with a link by mail")
}
