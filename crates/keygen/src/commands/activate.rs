//! `keygen activate`.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::{Code, MAX_FILE_BYTES, Matrix, TrustSet};
use license_issuer::clock::SystemClock;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::services::answer::{ActivationPolicy, AnswerDraft, AnswerError, AnswerOrder};
use serde_json::json;

use super::answer::{self, AnswerCommand, AnswerFacts, AnswerTexts};
use super::context::AppContext;
use super::issuing::{Issuing, IssuingReport};
use super::{devices, request};
use crate::args::{Activate, Dry};
use crate::failures;
use crate::inputs::{add_keys, matrix, one_stdin};

pub(crate) fn run(arguments: &Dry<Activate>, app: AppContext<'_>) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    check_stdin(order)?;
    let command = AnswerCommand {
        issuing: Issuing::new(app, &order.out, *dry_run),
        key: &order.key,
        qr: order.qr,
    };
    command.check()?;
    let matrix = matrix(order.product_file.as_ref())?;
    let request = request::activation(&order.request, &matrix)?;
    let license = order.license.as_ref();
    let license = license.map(|file| file.read_text(MAX_FILE_BYTES));
    let license = license.transpose()?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &order.trust)?;
    let policy = ActivationPolicy {
        request: &request,
        machine: request::digest(&order.request, &request.machine)?,
        matrix: &matrix,
        license: license.as_deref(),
        trust: &trust,
        issued_at: order.issued_at,
        ignore_device_limit: order.over_device_limit,
        is_unrecorded: matches!(app.place, LedgerLocation::None),
        clock: &SystemClock,
    };
    let answer = AnswerOrder {
        policy,
        reissue: order.anew,
    };
    let texts = ActivationTexts {
        matrix: &matrix,
        license: order.license.as_ref(),
    };
    command.run(&answer, &texts)
}

/// The texts of activations.
struct ActivationTexts<'a> {
    matrix: &'a Matrix,
    /// The license file that the command line names.
    license: Option<&'a Source>,
}

impl AnswerTexts<ActivationPolicy<'_>> for ActivationTexts<'_> {
    fn refused(&self, error: AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure {
        let message = error.to_string();
        let refused = |code: &'static str| Failure::new(Exit::Usage, code, message.clone());
        match error {
            AnswerError::Revoked { .. } => {
                refused("REVOKED").hint("a new license takes its place: `keygen issue`")
            }
            AnswerError::UnknownLicense { .. } => refused(Code::NoLicense.as_str()).hint(
                "give the license with --license FILE, or name the ledger it is in with --ledger",
            ),
            AnswerError::NoLicense { .. } => {
                refused(Code::NoLicense.as_str()).hint("give the license with --license FILE")
            }
            AnswerError::License { is_recorded, error } => {
                failures::not_judged(&self.source(is_recorded), &error)
            }
            AnswerError::OtherLicense { is_recorded, .. } => refused(Code::NoLicense.as_str())
                .about(&self.source(is_recorded).to_string())
                .hint("give the license that the request names with --license"),
            AnswerError::OtherProduct { found, .. } => failures::other_product(found, self.matrix),
            AnswerError::LockedToOthers { .. } => refused(Code::MachineMismatch.as_str())
                .hint("mint a license for this machine with `keygen issue --machine`"),
            AnswerError::DeviceLimit(error) => devices::too_many(&error),
            error => answer::refused(&error, ledger),
        }
    }

    fn report(
        &self,
        draft: &AnswerDraft<'_, ActivationPolicy<'_>>,
        facts: &AnswerFacts<'_>,
        issuing: &Issuing<'_>,
    ) -> IssuingReport {
        let (request, machine) = (draft.policy().request, draft.policy().machine);
        let approval = draft.approval();
        let customer = match approval {
            Some(approval) => Some(approval.license.customer().to_owned()),
            None => facts.text("customer"),
        };
        let is_needed = approval.map(|approval| approval.license.must_activate());
        let usage = approval.and_then(|approval| approval.devices.as_ref());
        let (id, issued_at) = (facts.text("activation_id"), facts.text("issued_at"));
        let json = json!({
            "activation_id": id,
            "license_id": request.license.as_str(),
            "customer": customer,
            "machine": machine.to_string(),
            "nonce": request.nonce.to_string(),
            "requested_at": request.made_at.to_string(),
            "issued_at": issued_at,
            "needed": is_needed,
            "devices": usage.map(devices::to_json),
            "answered_before": draft.previous().is_some(),
            "kid": facts.key_id(),
            "path": issuing.path(),
            "token": facts.token().filter(|_| issuing.shows_token()),
            "dry_run": issuing.dry_run,
        });
        let customer = customer.as_deref().map(escape);
        let customer = customer.map_or_else(String::new, |name| format!(" of {name}"));
        let mut lines = vec![format!("license    {}{customer}", request.license)];
        lines.extend(id.map(|id| format!("activation {}", escape(&id))));
        lines.push(format!("machine    {machine}"));
        lines.push(format!("nonce      {}", request.nonce));
        lines.push(format!(
            "requested  {}, by the machine's clock",
            request.made_at
        ));
        lines.extend(issued_at.map(|at| format!("issued     {}", escape(&at))));
        lines.extend(usage.map(devices::line));
        lines.extend(is_needed.map(needed));
        IssuingReport { json, lines }
    }
}

impl ActivationTexts<'_> {
    /// Returns the name of the license that was verified.
    fn source(&self, is_recorded: bool) -> Source {
        match self.license.filter(|_| !is_recorded) {
            Some(file) => file.clone(),
            None => Source::File("the license in the ledger".into()),
        }
    }
}

fn needed(is_needed: bool) -> String {
    match is_needed {
        true => "needed     yes: the license holds nowhere without".to_owned(),
        false => {
            "needed     no: the license was minted without --activation, and holds elsewhere too"
                .to_owned()
        }
    }
}

/// Refuses to read several inputs from standard input.
fn check_stdin(order: &Activate) -> Result<(), Failure> {
    let sources = std::iter::once(&order.request)
        .chain(&order.license)
        .chain(&order.trust)
        .chain(&order.product_file);
    one_stdin(order.key.stdin_count(), sources)
}
