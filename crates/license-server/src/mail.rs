//! Mail to people, by SMTP (RFC 5321).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use license_cli_support::Failure;
use tokio::sync::{mpsc, oneshot};

use crate::config::{MailConfig, MailServer};
use crate::log_limit;
use crate::observer::{MailResult, Observer};
use crate::services::{Mail, MailFailure, MailQueue};

/// The largest number of mails that wait.
const MAX_WAITING: usize = 256;

/// The time limit of each command of the protocol.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The time limit of a mail for whose result a person waits.
const MOST_WAITING: Duration = Duration::from_secs(30);

/// The reason of a mail server that does not answer.
const TIMED_OUT: &str = "no answer in time";

/// The pauses before a mail is sent again after a failure that may pass.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

/// A mail, and the caller that waits for its result.
type WaitingMail = (Mail, Option<oneshot::Sender<bool>>);

type SmtpTransport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends mails in the background, in their order.
pub(crate) struct Mailer {
    sender: mpsc::Sender<WaitingMail>,
    outgoing: Outgoing,
    observer: Arc<dyn Observer>,
}

impl Mailer {
    /// Starts a task that sends mails, in the runtime of the caller. The task ends with the mailer.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`check`].
    pub(crate) fn start(config: &MailConfig, observer: Arc<dyn Observer>) -> Result<Self, Failure> {
        let outgoing = Outgoing::new(config)?;
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let worker = MailWorker {
            outgoing: outgoing.clone(),
            receiver,
            observer: Arc::clone(&observer),
            pauses: &PAUSES,
        };
        tokio::spawn(worker.run());
        Ok(Self {
            sender,
            outgoing,
            observer,
        })
    }
}

#[async_trait]
impl MailQueue for Mailer {
    fn push(&self, mail: Mail) {
        if self.sender.try_send((mail, None)).is_err() {
            self.observer.mailed(MailResult::Dropped);
            if let Some(repeated) = log_limit::pass("mail dropped") {
                tracing::warn!(repeated, "a mail was dropped: too many mails are waiting");
            }
        }
    }

    async fn deliver(&self, mail: Mail) -> bool {
        let (sender, result) = oneshot::channel();
        let queued = self.sender.send((mail, Some(sender))).await;
        queued.is_ok() && result.await.unwrap_or(false)
    }

    async fn send_now(&self, mail: Mail) -> Result<(), MailFailure> {
        let sent = tokio::time::timeout(MOST_WAITING, self.outgoing.send(&mail)).await;
        let sent = sent.unwrap_or_else(|_| Err(failure(TIMED_OUT, None, false)));
        let result = match &sent {
            Ok(()) => MailResult::Sent,
            Err(_) => MailResult::Failed,
        };
        self.observer.mailed(result);
        sent
    }
}

/// Checks the settings of mail. Uses no network.
///
/// # Errors
///
/// Returns `USAGE` if a setting is not accepted, and the errors of the password file.
pub(crate) fn check(config: &MailConfig) -> Result<(), Failure> {
    Outgoing::new(config).map(drop)
}

/// Composes and sends mails of one sender.
#[derive(Clone)]
struct Outgoing {
    transport: SmtpTransport,
    from: Mailbox,
}

impl Outgoing {
    fn new(config: &MailConfig) -> Result<Self, Failure> {
        let from: Mailbox = config.from.parse().map_err(|_| {
            Failure::usage(
                "mail_from: expected an address such as License server <no-reply@example.com>",
            )
            .hint("name the sender of mails with --mail-from")
        })?;
        let server = MailServer::new(&config.service)?;
        let name = ClientId::Domain(from.email.domain().to_owned());
        let mut builder = SmtpTransport::builder_dangerous(server.host.as_str())
            .port(server.port)
            .timeout(Some(TIMEOUT))
            .hello_name(name);
        if server.is_wrapped || server.needs_start_tls {
            let parameters = TlsParameters::new(server.host.clone()).map_err(|error| {
                Failure::usage(format!("mail: {}", license_core::with_causes(&error)))
                    .hint("name a host that a certificate can be for")
            })?;
            builder = builder.tls(if server.is_wrapped {
                Tls::Wrapper(parameters)
            } else {
                Tls::Required(parameters)
            });
        }
        if let Some((user, password)) = server.credentials {
            builder = builder.credentials(Credentials::new(user, password.to_string()));
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }

    /// Sends a mail once.
    async fn send(&self, mail: &Mail) -> Result<(), MailFailure> {
        let message = self.message(mail);
        let message = message.ok_or_else(|| failure("the mail cannot be composed", None, true))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let status = error.status().map(|code| code.to_string());
                Err(failure(
                    kind(&error),
                    status.as_deref(),
                    error.is_permanent(),
                ))
            }
        }
    }

    fn message(&self, mail: &Mail) -> Option<Message> {
        let to = mail.to.as_str().parse().ok()?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let automatic = HeaderValue::new(automatic, "auto-generated".to_owned());
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.as_str())
            .message_id(None)
            .raw_header(automatic);
        let Some(pdf) = &mail.pdf else {
            let builder = builder.header(ContentType::TEXT_PLAIN);
            return builder.body(mail.text.clone()).ok();
        };
        let kind = ContentType::parse("application/pdf").ok()?;
        let document = Attachment::new(pdf.name.clone()).body(pdf.content.clone(), kind);
        let parts = MultiPart::mixed()
            .singlepart(SinglePart::plain(mail.text.clone()))
            .singlepart(document);
        builder.multipart(parts).ok()
    }
}

/// Returns why a mail was not sent. The text of the answer can contain the recipient, so the reason
/// has its number only.
fn failure(kind: &str, status: Option<&str>, is_permanent: bool) -> MailFailure {
    let status = status.map_or_else(String::new, |status| format!(" ({status})"));
    MailFailure {
        reason: format!("{kind}{status}"),
        is_permanent,
    }
}

struct MailWorker {
    outgoing: Outgoing,
    receiver: mpsc::Receiver<WaitingMail>,
    observer: Arc<dyn Observer>,
    pauses: &'static [Duration],
}

impl MailWorker {
    async fn run(mut self) {
        while let Some((mail, waiting)) = self.receiver.recv().await {
            let result = self.deliver(&mail).await;
            self.observer.mailed(result);
            if let Some(waiting) = waiting {
                // The caller may have gone away.
                let _ = waiting.send(result == MailResult::Sent);
            }
        }
    }

    /// Sends a mail, and tries again after a failure that may pass.
    async fn deliver(&self, mail: &Mail) -> MailResult {
        let Some(message) = self.outgoing.message(mail) else {
            tracing::warn!("a mail cannot be composed");
            return MailResult::Failed;
        };
        let mut pauses = self.pauses.iter();
        loop {
            let error = match self.outgoing.transport.send(message.clone()).await {
                Ok(_) => return MailResult::Sent,
                Err(error) => error,
            };
            let pause = pauses.next().filter(|_| !error.is_permanent());
            // The text of the answer can contain the recipient, so the log gets its number only.
            let status = error.status().map(|code| code.to_string());
            if let Some(repeated) = log_limit::pass("mail") {
                let kind = kind(&error);
                let again = pause.is_some();
                tracing::warn!(kind, status, again, repeated, "a mail cannot be sent");
            }
            match pause {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return MailResult::Failed,
            }
        }
    }
}

fn kind(error: &lettre::transport::smtp::Error) -> &'static str {
    if error.is_permanent() {
        "refused"
    } else if error.is_transient() {
        "refused for now"
    } else if error.is_tls() {
        "no acceptable certificate"
    } else if error.is_timeout() {
        TIMED_OUT
    } else {
        "no connection"
    }
}

#[cfg(test)]
pub(crate) mod tests;
