//! The mails to users of trials, in plain text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{REMINDERS, TrialService};
use crate::domain::{EmailAddress, Trial, TrialId};
use crate::services::people::Mail;
use crate::services::site::Site;

impl TrialService {
    /// Returns whether the user of a trial gets mails.
    pub fn can_mail(&self, trial: &Trial) -> bool {
        self.site.people.has_mail() && trial.user.email.is_some()
    }
}

/// Sends the link of a request.
pub(super) fn request(site: &Site, to: &EmailAddress, secret: &str) {
    let product = site.matrix.product();
    let link = site.people.link("trial", secret);
    push(
        site,
        to,
        format!("Start your trial of {product}"),
        &[
            format!("Somebody, probably you, wants to try {product} with this e-mail address."),
            format!("Open this link to start the trial:\n\n{link}"),
            format!(
                "Or run this command on the machine:\n\nlicense trial confirm --server-url {} {secret}",
                site.people.base_url()
            ),
            "The link works within 24 hours. If you do not expect this mail, ignore it: nothing \
             happens."
                .to_owned(),
        ],
    );
}

/// Sends the license of a trial that has started.
pub(super) fn started(site: &Site, trial: &Trial, file: &str) {
    let Some(to) = &trial.user.email else { return };
    let product = site.matrix.product();
    push(
        site,
        to,
        format!("Your trial of {product}"),
        &[
            format!(
                "Your trial of {product} has started. It ends {}.",
                end(trial)
            ),
            install(file),
            "If you have started the trial in the program, there is nothing to do.".to_owned(),
        ],
    );
}

/// Sends the license of a trial that was extended.
pub(super) fn extended(site: &Site, trial: &Trial, file: &str) {
    let Some(to) = &trial.user.email else { return };
    let product = site.matrix.product();
    push(
        site,
        to,
        format!("Your trial of {product} is longer"),
        &[
            format!("Your trial of {product} now ends {}.", end(trial)),
            install(file),
        ],
    );
}

/// Sends the paid license.
pub(super) fn converted(site: &Site, trial: &Trial, file: &str) {
    let Some(to) = &trial.user.email else { return };
    let product = site.matrix.product();
    push(
        site,
        to,
        format!("Your license of {product}"),
        &[
            format!(
                "This license replaces your trial of {product}. Your projects and settings stay."
            ),
            install(file),
        ],
    );
}

/// Reminds a user of the end. Returns whether the mail server has accepted the mail, or `None` if
/// no mail can be sent.
pub(super) async fn remind(site: &Site, trial: &Trial) -> Option<bool> {
    let (queue, to) = (site.people.mail_queue()?, trial.user.email.as_ref()?);
    let product = site.matrix.product();
    let code = code_of(site, &trial.id)?;
    let stop = site.people.link("trial-reminders", &code);
    let mail = Mail {
        to: to.clone(),
        subject: format!("Your trial of {product} ends soon"),
        text: text(&[
            format!("Your trial of {product} ends {}.", end(trial)),
            format!(
                "With a license of {product}, you keep your projects and settings, and the rest of \
                 the trial. Ask {} for a license.",
                site.issuer
            ),
            format!("If you want no more reminders, open this link:\n\n{stop}"),
        ]),
        pdf: None,
    };
    Some(queue.deliver(mail).await)
}

/// Returns the code that stops the reminders of a trial.
fn code_of(site: &Site, id: &TrialId) -> Option<String> {
    let sealer = site.people.sealer();
    let tag = sealer
        .authenticate(REMINDERS, id.as_str().as_bytes())
        .ok()?;
    Some(format!("{id}.{}", URL_SAFE_NO_PAD.encode(tag)))
}

/// Returns the trial whose reminders a code stops.
pub(super) fn trial_of_code(site: &Site, code: &str) -> Option<TrialId> {
    let (id, tag) = code.split_once('.')?;
    let id = TrialId::parse(id)?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    let sealer = site.people.sealer();
    let is_own = sealer.is_authentic(REMINDERS, id.as_str().as_bytes(), &tag);
    is_own.then_some(id)
}

/// Returns the end of a trial for people: its last day.
fn end(trial: &Trial) -> String {
    let last = trial.ends_at.map(|end| {
        let second = chrono::TimeDelta::seconds(1);
        license_core::time::saturating_sub(end, second).date_naive()
    });
    last.map_or_else(String::new, |day| format!("at the end of {day} (UTC)"))
}

/// Returns the paragraph with a license file.
pub(in crate::services) fn install(file: &str) -> String {
    format!(
        "Save the following lines as license.lic, and install them with `license install \
         license.lic`.\n\n{}",
        file.trim_end()
    )
}

/// Returns the text of a mail.
pub(in crate::services) fn text(paragraphs: &[String]) -> String {
    format!("{}\n", paragraphs.join("\n\n"))
}

fn push(site: &Site, to: &EmailAddress, subject: String, paragraphs: &[String]) {
    if let Some(queue) = site.people.mail_queue() {
        queue.push(Mail {
            to: to.clone(),
            subject,
            text: text(paragraphs),
            pdf: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tests::TestServer;

    #[tokio::test]
    async fn a_code_stops_the_reminders_of_its_trial_only() {
        let server = TestServer::start().await;
        let site = server.services.trials.site.as_ref();
        let [first, second] = [1, 2].map(|number| TrialId::new(site.wall(), [number; 10]));
        let code = code_of(site, &first).unwrap();
        assert_eq!(trial_of_code(site, &code), Some(first.clone()));
        let tag = code.split_once('.').unwrap().1;
        for forged in [
            format!("{second}.{tag}"),
            format!("{first}."),
            format!("{first}"),
            format!("{first}.{}", &tag[1..]),
            String::new(),
        ] {
            assert_eq!(trial_of_code(site, &forged), None, "{forged}");
        }
    }
}
