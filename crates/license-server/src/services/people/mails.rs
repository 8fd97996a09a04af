//! The mails to people, in plain text.

use async_trait::async_trait;

use super::PeopleTools;
use crate::domain::{EmailAddress, LinkPurpose};

/// A mail. Its text contains a link, which is a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The recipient.
    pub to: EmailAddress,
    /// The subject, in one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// A document.
    pub pdf: Option<MailedPdf>,
}

/// A PDF that a mail contains.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedPdf {
    /// The name of the file, in ASCII.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
}

/// The reason why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFailure {
    /// The reason for people. It names no address, and repeats no text of the mail server.
    pub reason: String,
    /// Whether a repetition has the same result, such as after the refusal of an address.
    pub is_permanent: bool,
}

/// Omits the recipient and the text.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// A bounded queue of mails that are sent in the background. A mail that cannot be sent is logged
/// and counted, and its loss is not an error of the request.
#[async_trait]
pub trait MailQueue: Send + Sync {
    /// Adds a mail, or drops it if the queue is full.
    fn push(&self, mail: Mail);

    /// Sends a mail after those that wait. Returns whether the mail server has accepted it.
    async fn deliver(&self, mail: Mail) -> bool;

    /// Sends a mail at once, before those in the queue, for a person who waits for the result.
    ///
    /// # Errors
    ///
    /// Returns the reason if the mail server does not accept the mail within 30 seconds. The mail
    /// is not repeated.
    async fn send_now(&self, mail: Mail) -> Result<(), MailFailure>;
}

impl PeopleTools {
    /// Returns whether the server can send mail.
    pub(in crate::services) fn has_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// Returns the address of the server for people, without a slash at its end.
    pub(in crate::services) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the queue of mails, if the server can send mail.
    pub(in crate::services) fn mail_queue(&self) -> Option<&dyn MailQueue> {
        self.mail.as_deref()
    }

    fn send(&self, to: &EmailAddress, subject: &str, paragraphs: &[&str]) {
        if let Some(queue) = &self.mail {
            queue.push(Mail {
                to: to.clone(),
                subject: subject.to_owned(),
                text: format!("{}\n", paragraphs.join("\n\n")),
                pdf: None,
            });
        }
    }

    /// Sends a link with a purpose.
    pub(super) fn send_link(&self, to: &EmailAddress, purpose: LinkPurpose, secret: &str) {
        let (page, subject, reason, period) = match purpose {
            LinkPurpose::Registration => (
                "registration",
                "Confirm your e-mail address",
                "Somebody, probably you, wants to create an account with this e-mail address.",
                "24 hours",
            ),
            LinkPurpose::PasswordReset => (
                "password-reset",
                "Set a new password",
                "Somebody, probably you, wants to set a new password for your account.",
                "one hour",
            ),
            LinkPurpose::EmailChange => (
                "email-change",
                "Confirm your new e-mail address",
                "Somebody, probably you, wants to use this e-mail address for an account.",
                "one hour",
            ),
        };
        let server = format!("This mail is from the license server at {}.", self.base_url);
        let open = format!("Open this link to continue:\n\n{}", self.link(page, secret));
        let end = format!(
            "The link works once, within {period}. If you do not expect this mail, ignore it: \
             nothing changes."
        );
        self.send(to, subject, &[reason, &server, &open, &end]);
    }

    /// Tells the owner of an address that a registration is not needed.
    pub(super) fn send_existing(&self, to: &EmailAddress) {
        self.send(
            to,
            "You already have an account",
            &[
                "Somebody, probably you, wants to create an account with this e-mail address. It \
                 has an account already.",
                &format!("Sign in at {}", self.base_url),
                "You can set a new password if you have forgotten yours. If you do not expect this \
                 mail, ignore it: nothing changes.",
            ],
        );
    }

    /// Sends an invitation. `inviter` is the name of the person who invites. `None`: a program with
    /// an API token does.
    pub(super) fn send_invitation(
        &self,
        to: &EmailAddress,
        (organization, inviter): (&str, Option<&str>),
        secret: &str,
    ) {
        let inviter = inviter.unwrap_or("An administrator");
        let reason = format!(
            "{inviter} invites you to the organization {organization} on the license server at {}.",
            self.base_url
        );
        let open = format!(
            "Open this link to accept:\n\n{}",
            self.link("invitation", secret)
        );
        self.send(
            to,
            "You are invited",
            &[
                &reason,
                &open,
                "The link works once, within seven days. If you do not expect this mail, ignore it.",
            ],
        );
    }

    /// Tells a person about a change of the account that somebody else could have made.
    pub(super) fn send_notice(&self, to: &EmailAddress, change: &str) {
        self.send(
            to,
            "Your account has changed",
            &[
                change,
                &format!("It is your account at {}", self.base_url),
                "If you did not do this, set a new password now, and inform the administrator \
                 of your organization.",
            ],
        );
    }
}
