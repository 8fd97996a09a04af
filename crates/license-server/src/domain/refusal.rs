//! Refusals: answers that explain why a request has no effect.

use std::fmt;
use std::time::Duration;

use license_core::Code;

macro_rules! server_codes {
    ($($variant:ident $text:literal $doc:literal),+ $(,)?) => {
        /// The reason codes that only a server has. `docs/codes.md` describes them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ServerCode {
            $(#[doc = $doc] $variant),+
        }

        impl ServerCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the text of the code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

server_codes! {
    Starting "STARTING" "The server is opening its database.",
    NotReady "NOT_READY" "The server has no license yet.",
    UnknownLicense "UNKNOWN_LICENSE" "The server does not have the license.",
    InstalledElsewhere "INSTALLED_ELSEWHERE" "Another organization of the server has the license.",
    NotCertified "NOT_CERTIFIED" "The license does not certify the key of this server.",
    NotFloating "NOT_FLOATING" "The license has no seats that can be counted.",
    NotFound "NOT_FOUND" "The resource does not exist.",
    Unauthorized "UNAUTHORIZED" "The credentials are missing or wrong.",
    Forbidden "FORBIDDEN" "The credentials do not permit the request.",
    IdempotencyConflict "IDEMPOTENCY_CONFLICT" "Another request used the same idempotency key.",
    InProgress "IN_PROGRESS" "The first request with this idempotency key is still running.",
    SetupUsed "SETUP_USED" "The one-time link was used or has expired.",
    BadCursor "BAD_CURSOR" "The cursor does not belong to this list.",
    BadRequest "BAD_REQUEST" "The request has a value that is not accepted.",
    LimitReached "LIMIT_REACHED" "The server keeps no more rows of this kind for the license.",
    StorageFailed "STORAGE_FAILED" "The database cannot be read or written.",
    TakenOver "TAKEN_OVER" "Another server has taken over the data directory.",
    SigningFailed "SIGNING_FAILED" "The key of the server cannot sign.",
    TooLarge "TOO_LARGE" "The request is larger than the server accepts.",
    TimedOut "TIMED_OUT" "The request took too long.",
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" "The body has a media type that the server does not accept.",
    MethodNotAllowed "METHOD_NOT_ALLOWED" "The resource does not have this method.",
    RateLimited "RATE_LIMITED" "Too many requests.",
    NetworkNotAllowed "NETWORK_NOT_ALLOWED" "The server does not lend seats to the network of the caller.",
    NotEnrolled "NOT_ENROLLED" "The enrollment token is missing or wrong.",
    LoginRequired "LOGIN_REQUIRED" "The request for a seat has no login.",
    LoginInvalid "LOGIN_INVALID" "The login is not one of the configured provider and client.",
    LoginExpired "LOGIN_EXPIRED" "The login has expired.",
    LoginMismatch "LOGIN_MISMATCH" "The request states another user than the login.",
    LoginUnavailable "LOGIN_UNAVAILABLE" "The keys of the provider of logins cannot be loaded.",
    LoginState "LOGIN_STATE" "The sign-in was not started in this browser, was used, or has ended.",
    LoginDenied "LOGIN_DENIED" "The identity provider has refused the sign-in.",
    LoginEmail "LOGIN_EMAIL" "The provider states no verified address in a domain of the organization.",
    LoginNoRole "LOGIN_NO_ROLE" "The identity provider gives the person no role.",
    LoginOther "LOGIN_OTHER" "The browser has a session of another account.",
    LoginNotInvited "LOGIN_NOT_INVITED" "The person is not a member, and the provider creates no accounts.",
    UserNotAssigned "USER_NOT_ASSIGNED" "No administrator has assigned the user to the license.",
    UserLimitReached "USER_LIMIT_REACHED" "The license has no place for another assigned user.",
    CoolDown "COOL_DOWN" "The place of a former user cannot go to another user yet.",
    NoNamedUsers "NO_NAMED_USERS" "The license has no users whom the server assigns.",
    NameTaken "NAME_TAKEN" "Another group has the name.",
    Busy "BUSY" "Another program keeps the vendor's ledger locked.",
    WrongRole "WRONG_ROLE" "A site server cannot issue, and a vendor server imports nothing.",
    NoTelemetry "NO_TELEMETRY" "The server accepts no telemetry.",
    TelemetryDeleted "TELEMETRY_DELETED" "The telemetry of the installation was deleted.",
    CsrfRequired "CSRF_REQUIRED" "A change with a cookie has no valid CSRF token, or another site sent it.",
    TotpRequired "TOTP_REQUIRED" "The password is right, and the account also needs a one-time code.",
    WeakPassword "WEAK_PASSWORD" "The new password is too short, too long or too easy to guess.",
    LastOwner "LAST_OWNER" "The organization would have no owner.",
    OwnOrganization "OWN_ORGANIZATION" "The organization is that of the server itself.",
    LinkEnded "LINK_ENDED" "The link was used, was withdrawn, or has ended.",
    AddressTaken "ADDRESS_TAKEN" "An account with the e-mail address exists.",
    RegistrationOff "REGISTRATION_OFF" "The server accepts no registrations.",
    MailOff "MAIL_OFF" "The server cannot send mail.",
    MailFailed "MAIL_FAILED" "The mail server has not accepted the mail.",
    TrialsOff "TRIALS_OFF" "The server starts no trials.",
    TrialUsed "TRIAL_USED" "The customer, the address or the machine already had a trial.",
    Converted "CONVERTED" "A paid license already replaces the trial.",
    InvoiceState "INVOICE_STATE" "The state of the invoice does not permit the change.",
    InvoicePayment "INVOICE_PAYMENT" "The payment does not fit the invoice.",
    KeyMismatch "KEY_MISMATCH" "A stored secret cannot be opened with the keys of this server.",
    WebhookAddress "WEBHOOK_ADDRESS" "The server sends nothing to the address of the webhook.",
    WebhookDisabled "WEBHOOK_DISABLED" "The webhook is disabled.",
    DeliveryWaiting "DELIVERY_WAITING" "The delivery is already waiting for its next attempt.",
    AlreadyDecided "ALREADY_DECIDED" "The amount was sent, or a person has decided about it.",
    BillingSignature "BILLING_SIGNATURE" "The event of the payment provider has no valid signature.",
    BillingRefused "BILLING_REFUSED" "The payment provider refuses the request.",
    BillingUnavailable "BILLING_UNAVAILABLE" "The payment provider does not answer.",
    ShownOnce "SHOWN_ONCE" "The answer contained a secret, which is shown only once.",
}

/// The kind of a refusal, which the status of the response follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The request is malformed, such as a token that does not verify.
    BadRequest,
    /// The credentials are missing or wrong.
    Unauthorized,
    /// The credentials do not permit the request.
    Forbidden,
    /// The resource does not exist, or belongs to another tenant.
    NotFound,
    /// The state of the server does not permit the request.
    Conflict,
    /// The request cannot be served now, and can be repeated later.
    Unavailable,
    /// The server has failed.
    Internal,
}

/// An answer that explains why a request has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// The reason code.
    pub code: &'static str,
    /// One sentence about the refusal.
    pub detail: String,
    /// The next step of the caller.
    pub hint: Option<String>,
    /// The expected value.
    pub expected: Option<String>,
    /// The actual value.
    pub actual: Option<String>,
    /// When the caller may repeat the request.
    pub retry_after: Option<Duration>,
    /// Further facts, such as the holders of the seats.
    pub facts: Option<serde_json::Value>,
    /// The member of the request with the value that is not accepted. Forms show the refusal at its
    /// field.
    pub member: Option<&'static str>,
}

impl Refusal {
    /// Creates a refusal with a code of the server.
    pub fn new(kind: RefusalKind, code: ServerCode, detail: impl Into<String>) -> Self {
        Self::with_code(kind, code.as_str(), detail)
    }

    /// Creates a refusal with a code of the library.
    pub fn of_license(kind: RefusalKind, code: Code, detail: impl Into<String>) -> Self {
        Self::with_code(kind, code.as_str(), detail)
    }

    /// Creates a refusal with any code, such as the code of a denied seat.
    pub fn with_code(kind: RefusalKind, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            detail: detail.into(),
            hint: None,
            expected: None,
            actual: None,
            retry_after: None,
            facts: None,
            member: None,
        }
    }

    /// Adds the next step of the caller.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Adds the expected and the actual value.
    #[must_use]
    pub fn values(self, expected: impl fmt::Display, actual: impl fmt::Display) -> Self {
        Self {
            expected: Some(expected.to_string()),
            actual: Some(actual.to_string()),
            ..self
        }
    }

    /// Adds the time after which the caller may repeat the request.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    /// Names the member of the request with the value that is not accepted.
    #[must_use]
    pub fn about(self, member: &'static str) -> Self {
        Self {
            member: Some(member),
            ..self
        }
    }

    /// Adds further facts.
    #[must_use]
    pub fn facts(self, facts: serde_json::Value) -> Self {
        Self {
            facts: Some(facts),
            ..self
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

impl std::error::Error for Refusal {}
