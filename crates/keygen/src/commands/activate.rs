//! `keygen activate`.

use license_cli_support::{Exit, Failure, Source, escape};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::time::rfc3339;
use license_core::{Code, FeatureMatrix, TrustSet, with_causes};
use license_issuer::clock::SystemClock;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::services::answer::{
    ActivationApproval, ActivationPolicy, AnswerDraft, AnswerError, AnswerOrder,
};
use serde_json::json;

use super::answer::{self, AnswerCommand, AnswerRecord, AnswerTexts};
use super::context::AppContext;
use super::issuance::{Issuance, IssuanceReport};
use super::{devices, machine_request};
use crate::args::Activate;
use crate::failures;
use crate::inputs::{add_keys, matrix, one_stdin};

pub(crate) fn run(arguments: &Activate, app: AppContext<'_>) -> Result<(), Failure> {
    let (source, signing) = (&arguments.answer.request, &arguments.answer.signing);
    check_stdin(arguments)?;
    let command = AnswerCommand::new(app, &arguments.answer)?;
    command.check()?;
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    let request = machine_request::activation(source, &matrix)?;
    let license = arguments.license.as_ref();
    let license = license.map(|file| file.read_text(MAX_FILE_BYTES, decode_text));
    let license = license.transpose()?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.trust)?;
    let policy = ActivationPolicy {
        request: &request,
        machine: machine_request::digest(source, &request.machine)?,
        matrix: &matrix,
        license: license.as_deref(),
        trust: &trust,
        issued_at: signing.issued_at,
        ignore_device_limit: arguments.over_device_limit,
        is_unrecorded: matches!(app.location, LedgerLocation::None),
        clock: &SystemClock,
    };
    let answer = AnswerOrder {
        policy,
        reissue: arguments.reissue,
    };
    let texts = ActivationTexts {
        matrix: &matrix,
        license: arguments.license.as_ref(),
    };
    command.run(&answer, &texts)
}

/// The hint for a request that was already used.
const NEW_REQUEST_HINT: &str =
    "ask the customer for a new request; the machine creates one for each activation";

/// The failures and reports of `keygen activate`.
struct ActivationTexts<'a> {
    matrix: &'a FeatureMatrix,
    /// License file of the option `--license`.
    license: Option<&'a Source>,
}

impl AnswerTexts<ActivationPolicy<'_>, ActivationApproval> for ActivationTexts<'_> {
    fn refused(&self, error: AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure {
        let code = error.code().map_or("USAGE", Code::as_str);
        let message = with_causes(&error);
        let refused = || Failure::new(Exit::Usage, code, message.clone());
        match error {
            AnswerError::Revoked { .. } => {
                refused().hint("issue a new license with `keygen issue --tier TIER --customer NAME --days N`")
            }
            AnswerError::UnknownLicense { .. } => refused()
                .hint("add the license with --license FILE, or choose its ledger with --ledger"),
            AnswerError::NoLicense { .. } => refused().hint("add the license with --license FILE"),
            AnswerError::License {
                is_recorded,
                source,
            } => failures::not_verifiable(&self.source(is_recorded), &source),
            AnswerError::OtherLicense { is_recorded, .. } => refused()
                .with_subject(&self.source(is_recorded).to_string())
                .hint("use --license with the license that the request names"),
            AnswerError::OtherProduct { found, .. } => failures::other_product(found, self.matrix),
            AnswerError::LockedToOthers { .. } => {
                refused().hint("issue a license for this machine with `keygen issue --tier TIER --customer NAME --days N --machine MACHINE`")
            }
            AnswerError::DeviceLimit(error) => devices::too_many(&error),
            error => answer::refused(&error, ledger, NEW_REQUEST_HINT),
        }
    }

    fn report(
        &self,
        draft: &AnswerDraft<'_, ActivationPolicy<'_>, ActivationApproval>,
        record: &AnswerRecord<'_>,
        issuance: &Issuance<'_>,
    ) -> IssuanceReport {
        let (request, machine) = (draft.policy().request, draft.policy().machine);
        let approval = draft.approval();
        let customer = match approval {
            Some(approval) => Some(approval.license.customer().to_owned()),
            None => record.text("customer"),
        };
        let is_needed = approval.map(|approval| approval.license.must_activate());
        let usage = approval.and_then(|approval| approval.devices.as_ref());
        let (id, issued_at) = (record.text("activation_id"), record.text("issued_at"));
        let json = json!({
            "activation_id": id,
            "license_id": request.license.as_str(),
            "product": request.product.as_str(),
            "customer": customer,
            "machine": machine.to_string(),
            "nonce": request.nonce.to_string(),
            "requested_at": rfc3339(request.made_at).to_string(),
            "issued_at": issued_at,
            "needed": is_needed,
            "devices": usage.map(devices::to_json),
            "answered_before": draft.previous().is_some(),
            "kid": record.key_id(),
            "path": issuance.path(),
            "token": record.token().filter(|_| issuance.shows_token()),
            "dry_run": issuance.dry_run,
        });
        let customer = customer.as_deref().map(escape);
        let customer = customer.map_or_else(String::new, |name| format!(" for {name}"));
        let mut lines = vec![format!("license    {}{customer}", request.license)];
        lines.push(format!("product    {}", request.product));
        lines.extend(id.map(|id| format!("activation {}", escape(&id))));
        lines.push(format!("machine    {machine}"));
        lines.push(format!("nonce      {}", request.nonce));
        lines.push(format!(
            "requested  {} (clock of the machine)",
            rfc3339(request.made_at)
        ));
        lines.extend(issued_at.map(|at| format!("issued     {}", escape(&at))));
        lines.extend(usage.map(devices::line));
        lines.extend(is_needed.map(|is_needed| needed_line(is_needed).to_owned()));
        IssuanceReport { json, lines }
    }
}

impl ActivationTexts<'_> {
    /// Returns the source of the license, for messages.
    fn source(&self, is_recorded: bool) -> Source {
        match self.license.filter(|_| !is_recorded) {
            Some(file) => file.clone(),
            None => Source::File("the license in the ledger".into()),
        }
    }
}

fn needed_line(is_needed: bool) -> &'static str {
    if is_needed {
        "needed     yes, the license requires activation"
    } else {
        "needed     no, the license was issued without --activation and works on other machines too"
    }
}

/// Refuses more than one input from standard input.
fn check_stdin(arguments: &Activate) -> Result<(), Failure> {
    let answer = &arguments.answer;
    let sources = std::iter::once(&answer.request)
        .chain(&arguments.license)
        .chain(&arguments.trust)
        .chain(&answer.signing.product_file);
    one_stdin(answer.signing.key.stdin_count(), sources)
}
