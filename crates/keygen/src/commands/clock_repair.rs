//! `keygen clock-repair`.

use license_cli_support::{Exit, Failure, escape};
use license_core::machine::MachineDigest;
use license_core::time::rfc3339;
use license_core::{time, with_causes};
use license_issuer::clock::SystemClock;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::answer::{
    AnswerDraft, AnswerError, AnswerOrder, ClockRepairApproval, ClockRepairPolicy,
};
use serde_json::json;

use super::answer::{self, AnswerCommand, AnswerRecord, AnswerTexts};
use super::context::AppContext;
use super::issuance::{Issuance, IssuanceReport};
use super::machine_request;
use crate::args::AnswerArgs;
use crate::inputs::{matrix, one_stdin};

pub(crate) fn run(arguments: &AnswerArgs, app: AppContext<'_>) -> Result<(), Failure> {
    let signing = &arguments.signing;
    let sources = std::iter::once(&arguments.request).chain(&signing.product_file);
    one_stdin(signing.key.stdin_count(), sources)?;
    let command = AnswerCommand::new(app, arguments)?;
    command.check()?;
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    let request = machine_request::clock(&arguments.request, &matrix)?;
    let texts = ClockRepairTexts {
        machine: machine_request::digest(&arguments.request, &request.machine)?,
    };
    let policy = ClockRepairPolicy {
        request: &request,
        matrix: &matrix,
        issued_at: signing.issued_at,
        accepts_any_mark: signing.output.force,
        clock: &SystemClock,
    };
    let answer = AnswerOrder {
        policy,
        reissue: false,
    };
    command.run(&answer, &texts)
}

const NOT_AHEAD_HINT: &str = "if the clock of the machine is wrong, ask the customer to correct it; a repair only lowers the mark; add --force to sign it anyway";

/// The hint for a request that was already used.
const NEW_REQUEST_HINT: &str =
    "ask the customer for a new request: `license request --clock --new`";

/// Texts of clock repairs.
struct ClockRepairTexts {
    machine: MachineDigest,
}

impl AnswerTexts<ClockRepairPolicy<'_>, ClockRepairApproval> for ClockRepairTexts {
    fn refused(&self, error: AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure {
        match error {
            AnswerError::NotAhead { .. } => {
                Failure::new(Exit::Usage, "NOT_AHEAD", with_causes(&error)).hint(NOT_AHEAD_HINT)
            }
            error => answer::refused(&error, ledger, NEW_REQUEST_HINT),
        }
    }

    fn report(
        &self,
        draft: &AnswerDraft<'_, ClockRepairPolicy<'_>, ClockRepairApproval>,
        record: &AnswerRecord<'_>,
        issuance: &Issuance<'_>,
    ) -> IssuanceReport {
        let (request, machine) = (draft.policy().request, self.machine);
        let issued_at = match draft.approval() {
            Some(approval) => Some(approval.issued_at),
            None => record
                .text("issued_at")
                .and_then(|at| time::parse_instant(&at).ok()),
        };
        let ahead = issued_at.map(|at| time::duration_since(request.mark, at));
        let ahead = ahead.unwrap_or_default();
        let id = record.text("repair_id");
        let json = json!({
            "repair_id": id,
            "product": request.product.as_str(),
            "machine": machine.to_string(),
            "nonce": request.nonce.to_string(),
            "mark": rfc3339(request.mark).to_string(),
            "ahead_seconds": ahead.num_seconds(),
            "requested_at": rfc3339(request.made_at).to_string(),
            "issued_at": issued_at.map(|at| rfc3339(at).to_string()),
            "answered_before": draft.previous().is_some(),
            "kid": record.key_id(),
            "path": issuance.path(),
            "token": record.token().filter(|_| issuance.shows_token()),
            "dry_run": issuance.dry_run,
        });
        let ahead = if ahead.is_zero() {
            "not ahead".to_owned()
        } else {
            format!("{} ahead", time::humanize(ahead))
        };
        let mut lines = Vec::new();
        lines.extend(id.map(|id| format!("repair     {}", escape(&id))));
        lines.push(format!("product    {}", request.product));
        lines.push(format!("machine    {machine}"));
        lines.push(format!("nonce      {}", request.nonce));
        lines.push(format!("clock mark {}, {ahead}", rfc3339(request.mark)));
        lines.push(format!(
            "requested  {} (clock of the machine)",
            rfc3339(request.made_at)
        ));
        lines.extend(issued_at.map(|at| format!("set to     {}", rfc3339(at))));
        IssuanceReport { json, lines }
    }
}
