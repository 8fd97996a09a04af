//! Answers to machine requests, for `keygen activate` and `keygen clock-repair`.

use license_cli_support::{Destination, Exit, Failure, QrCode, Terminal};
use license_core::Unverified;
use license_core::issue::Sign;
use license_issuer::ledger::{LedgerReader, NewEntry};
use license_issuer::services::answer::{
    AnswerContext, AnswerDraft, AnswerError, AnswerOrder, AnswerPolicy, SignedAnswer,
};

use super::issuing::{Issuing, IssuingReport};
use super::signer::KeyFile;
use crate::args::KeyArgs;
use crate::{failures, keys};

/// A command that answers a machine request.
pub(super) struct AnswerCommand<'a> {
    pub(super) issuing: Issuing<'a>,
    pub(super) key: &'a KeyArgs,
    /// Whether the answer is drawn as a QR code.
    pub(super) qr: bool,
}

/// The texts of one kind of answer.
pub(super) trait AnswerTexts<P: AnswerPolicy> {
    /// Returns the failure of a refused request.
    fn refused(&self, error: AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure;

    /// Returns the report of an answer.
    fn report(
        &self,
        draft: &AnswerDraft<'_, P>,
        facts: &AnswerFacts<'_>,
        issuing: &Issuing<'_>,
    ) -> IssuingReport;
}

/// The facts of an answer: those of a signed one, or of an earlier one in the ledger.
pub(super) struct AnswerFacts<'a>(Option<&'a NewEntry>);

impl<'a> AnswerFacts<'a> {
    fn new<P: AnswerPolicy>(
        draft: &'a AnswerDraft<'_, P>,
        signed: Option<&'a SignedAnswer>,
    ) -> Self {
        Self(signed.map(|signed| &signed.entry).or(draft.repeated()))
    }

    /// Returns a fact as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let fact = self.0?.body.get(name)?.as_str();
        fact.map(str::to_owned)
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

impl AnswerCommand<'_> {
    /// Refuses a destination that cannot be written, before anything else is done.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.qr {
            QrCode::check_destination(&self.issuing.out.out, self.issuing.app.terminal)?;
        }
        self.issuing.out.check()
    }

    /// Answers the request, or checks in a dry run that it can be answered.
    pub(super) fn run<P: AnswerPolicy>(
        &self,
        order: &AnswerOrder<P>,
        texts: &impl AnswerTexts<P>,
    ) -> Result<(), Failure> {
        let terminal = self.issuing.app.terminal;
        let signer = KeyFile::new(self.key, terminal);
        let report = self.issuing.run(
            &signer,
            &|context: &AnswerContext<'_>| {
                let draft = order.draft(context);
                draft.map_err(|error| texts.refused(error, context.ledger))
            },
            &|draft| self.announce(draft),
            &|draft, signed| self.render(draft, signed, texts),
        )?;
        let draft = &report.draft;
        let facts = AnswerFacts::new(draft, report.signed.as_ref());
        let report = texts.report(draft, &facts, &self.issuing);
        self.issuing.print(&report)
    }

    fn announce<P: AnswerPolicy>(&self, draft: &AnswerDraft<'_, P>) {
        self.issuing.warn(draft.warnings());
        tell_previous(draft, self.issuing.app.terminal);
        if draft.is_repeated() {
            self.tell_other_key(&AnswerFacts::new(draft, None));
        }
    }

    fn render<P: AnswerPolicy>(
        &self,
        draft: &AnswerDraft<'_, P>,
        signed: &SignedAnswer,
        texts: &impl AnswerTexts<P>,
    ) -> Result<Vec<u8>, Failure> {
        if self.qr {
            return self.render_code(signed);
        }
        if self.issuing.is_in_report() {
            let facts = AnswerFacts::new(draft, Some(signed));
            let report = texts.report(draft, &facts, &self.issuing);
            return Ok(Terminal::json_text(&report.json).into_bytes());
        }
        Ok(signed.armor.clone().into_bytes())
    }

    /// Draws the token without armor, which needs less space and is read as well.
    fn render_code(&self, signed: &SignedAnswer) -> Result<Vec<u8>, Failure> {
        let code = QrCode::new(signed.token())?;
        match &self.issuing.out.out {
            Destination::Stdout => {
                let drawn = code.for_terminal(self.issuing.app.terminal.columns())?;
                Ok(format!("{}\n", drawn.trim_end()).into_bytes())
            }
            Destination::File(_) => {
                let png = code.to_png();
                png.map_err(|error| Failure::malformed(error.to_string()))
            }
        }
    }

    /// Reports that another key than the given one has signed a repeated activation. No key is opened
    /// for that.
    fn tell_other_key(&self, facts: &AnswerFacts<'_>) {
        let (Some(kid), Some(_)) = (facts.key_id(), facts.text("activation_id")) else {
            return;
        };
        let terminal = self.issuing.app.terminal;
        let given = keys::probe(self.key, terminal).ok().flatten();
        match given.map(|key| key.public().id().to_string()) {
            Some(given) if given == kid => {}
            Some(given) => {
                let message = format!(
                    "the answer was signed by key {kid}, not by {given}: where that is retired it counts no more (--anew signs it again)"
                );
                terminal.warning("OTHER_KEY", &message);
            }
            None => terminal.note(&format!(
                "it was signed by key {kid}; if that was retired, --anew signs it again"
            )),
        }
    }
}

/// Reports that the request was answered before.
fn tell_previous<P: AnswerPolicy>(draft: &AnswerDraft<'_, P>, terminal: &Terminal) {
    let Some(at) = draft.previous().and_then(|entry| entry.fact("issued_at")) else {
        return;
    };
    let outcome = match draft.is_repeated() {
        true => "it gets the same answer again, and counts once",
        false => "it is answered anew, and counts once",
    };
    terminal.note(&format!("this request was answered at {at}: {outcome}"));
}

/// Returns the failure of a request that is refused whatever its kind.
pub(super) fn refused(error: &AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure {
    const NEW_REQUEST: &str =
        "the machine makes a new request for each activation: have that one sent";
    let message = error.to_string();
    match error {
        AnswerError::Ledger(error) => failures::ledger_refused(ledger, error),
        AnswerError::Random(error) => failures::no_random(error),
        AnswerError::Replayed { .. } | AnswerError::Ended { .. } => {
            Failure::new(Exit::Usage, "REPLAYED", message).hint(NEW_REQUEST)
        }
        _ => Failure::new(Exit::Usage, "USAGE", message),
    }
}

/// Returns the content of the file of a token.
pub(super) fn armored(token: &str) -> Result<String, Failure> {
    let token =
        Unverified::parse(token).map_err(|error| failures::not_verified("answer", &error))?;
    Ok(token.to_armor())
}
