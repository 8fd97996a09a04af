//! Issues the answers to machine requests, for `keygen activate` and `keygen clock-repair`.

use license_cli_support::{Destination, Exit, Failure, QrCode, Terminal};
use license_core::issue::Signer;
use license_core::{Code, Unverified, with_causes};
use license_issuer::ledger::{LedgerEntryKind, LedgerReader, NewLedgerEntry};
use license_issuer::services::answer::{
    AnswerContext, AnswerDraft, AnswerError, AnswerOrder, AnswerPolicy, SignedAnswer,
};
use license_issuer::services::issue::SignerSource;

use super::context::AppContext;
use super::issuance::{Issuance, IssuanceReport};
use super::signer::KeyFile;
use crate::args::AnswerArgs;
use crate::{failures, output};

/// A command that answers a machine request.
pub(super) struct AnswerCommand<'a> {
    issuance: Issuance<'a>,
    signer: KeyFile<'a>,
    /// Whether the answer is a QR code.
    qr: bool,
}

/// The failures and reports of a command that answers machine requests.
pub(super) trait AnswerTexts<P: AnswerPolicy<A>, A> {
    /// Returns the failure of a refused request.
    fn refused(&self, error: AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure;

    /// Returns the report of an answer.
    fn report(
        &self,
        draft: &AnswerDraft<'_, P, A>,
        record: &AnswerRecord<'_>,
        issuance: &Issuance<'_>,
    ) -> IssuanceReport;
}

/// The ledger entry of the signed answer, or of an earlier answer that is repeated.
pub(super) struct AnswerRecord<'a>(Option<&'a NewLedgerEntry>);

impl<'a> AnswerRecord<'a> {
    fn new<P: AnswerPolicy<A>, A>(
        draft: &'a AnswerDraft<'_, P, A>,
        signed: Option<&'a SignedAnswer>,
    ) -> Self {
        Self(signed.map(|signed| &signed.entry).or(draft.repeated()))
    }

    /// Returns a member of the entry as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let member = self.0?.body.get(name)?.as_str();
        member.map(str::to_owned)
    }

    /// Returns the token.
    pub(super) fn token(&self) -> Option<&str> {
        self.0.map(|entry| entry.artifact.as_str())
    }

    /// Returns the id of the key that signed the token.
    pub(super) fn key_id(&self) -> Option<String> {
        let token = Unverified::parse(self.token()?).ok()?;
        Some(token.unverified_key_id().to_owned())
    }
}

impl<'a> AnswerCommand<'a> {
    pub(super) fn new(app: AppContext<'a>, arguments: &'a AnswerArgs) -> Result<Self, Failure> {
        Ok(Self {
            signer: KeyFile::new(app, &arguments.signing.key)?,
            issuance: Issuance::from_args(app, &arguments.signing),
            qr: arguments.qr,
        })
    }

    /// Checks early that the destination can be written.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.qr {
            QrCode::check_destination(&self.issuance.output.out, self.issuance.app.terminal)?;
        }
        output::check(self.issuance.output)
    }

    /// Answers the request, or checks in a dry run that it can be answered.
    pub(super) fn run<P: AnswerPolicy<A>, A>(
        &self,
        order: &AnswerOrder<P>,
        texts: &impl AnswerTexts<P, A>,
    ) -> Result<(), Failure> {
        let report = self.issuance.run(
            &self.signer,
            &|context: &AnswerContext<'_>| {
                let draft = order.draft(context);
                draft.map_err(|error| texts.refused(error, context.ledger))
            },
            &|draft| self.announce(draft),
            &|draft, signed| self.render(draft, signed, texts),
        )?;
        let draft = &report.draft;
        let record = AnswerRecord::new(draft, report.signed.as_ref());
        let report = texts.report(draft, &record, &self.issuance);
        self.issuance.print(&report)
    }

    fn announce<P: AnswerPolicy<A>, A>(&self, draft: &AnswerDraft<'_, P, A>) {
        self.issuance.warn(draft.warnings());
        note_previous_answer(draft, self.issuance.app.terminal);
        if draft.is_repeated() {
            self.warn_about_other_key(&AnswerRecord::new(draft, None));
        }
    }

    fn render<P: AnswerPolicy<A>, A>(
        &self,
        draft: &AnswerDraft<'_, P, A>,
        signed: &SignedAnswer,
        texts: &impl AnswerTexts<P, A>,
    ) -> Result<Vec<u8>, Failure> {
        if self.qr {
            return self.render_qr_code(signed);
        }
        if self.issuance.is_in_report() {
            let record = AnswerRecord::new(draft, Some(signed));
            let report = texts.report(draft, &record, &self.issuance);
            return Ok(Terminal::json_text(&report.json).into_bytes());
        }
        Ok(signed.armor.clone().into_bytes())
    }

    /// Renders the token in the form that needs the least space in a QR code.
    fn render_qr_code(&self, signed: &SignedAnswer) -> Result<Vec<u8>, Failure> {
        let token = Unverified::parse(signed.token());
        let token = token.map_err(|error| failures::not_verified("answer", &error))?;
        let code = QrCode::new(&token.to_qr_text())?;
        match &self.issuance.output.out {
            Destination::Stdout => {
                let drawn = code.for_terminal(self.issuance.app.terminal.screen())?;
                Ok(format!("{}\n", drawn.trim_end()).into_bytes())
            }
            Destination::File(_) => {
                let png = code.to_png();
                png.map_err(|error| Failure::malformed(with_causes(&error)))
            }
        }
    }

    /// Warns if a repeated activation was signed by a key other than that of the command.
    ///
    /// Does not open an encrypted key.
    fn warn_about_other_key(&self, record: &AnswerRecord<'_>) {
        let (Some(kid), Some(_)) = (record.key_id(), record.text("activation_id")) else {
            return;
        };
        let terminal = self.issuance.app.terminal;
        let key = self.signer.peek().ok().flatten();
        match key.map(|key| key.public().id().to_string()) {
            Some(key) if key == kid => {}
            Some(key) => {
                let message = format!(
                    "the answer is signed by key {kid}, not by {key}; add --reissue to sign a new answer if {kid} is retired"
                );
                terminal.warning("OTHER_KEY", &message);
            }
            None => terminal.note(&format!(
                "the answer is signed by key {kid}; add --reissue to sign a new answer if that key is retired"
            )),
        }
    }
}

/// Prints a note if the request already has an answer.
fn note_previous_answer<P: AnswerPolicy<A>, A>(draft: &AnswerDraft<'_, P, A>, terminal: &Terminal) {
    let Some(at) = draft.previous().and_then(|entry| entry.member("issued_at")) else {
        return;
    };
    let outcome = if draft.is_repeated() {
        "the same answer is returned"
    } else {
        "a new answer is issued"
    };
    let devices = match P::KIND {
        LedgerEntryKind::Activation => ", and the machine is not counted again",
        _ => "",
    };
    terminal.note(&format!(
        "this request was already answered at {at}: {outcome}{devices}"
    ));
}

/// Returns the failure of a refused request of any kind. `new_request` is the hint for a request
/// that was already used.
pub(super) fn refused(
    error: &AnswerError,
    ledger: Option<&dyn LedgerReader>,
    new_request: &str,
) -> Failure {
    let message = with_causes(error);
    match error {
        AnswerError::Ledger(error) => failures::ledger_refused(ledger, error),
        AnswerError::Random(error) => failures::no_random(error),
        _ if error.code() == Some(Code::Replayed) => {
            Failure::new(Exit::Usage, Code::Replayed.as_str(), message).hint(new_request)
        }
        _ => Failure::new(Exit::Usage, "USAGE", message),
    }
}

/// Returns the armored form of a token.
pub(super) fn armored(token: &str) -> Result<String, Failure> {
    let token =
        Unverified::parse(token).map_err(|error| failures::not_verified("answer", &error))?;
    Ok(token.to_armor())
}
