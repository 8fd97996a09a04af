//! `keygen clock-repair`.

use license_cli_support::{Failure, escape};
use license_core::{MachineDigest, Span, Timestamp};
use license_issuer::clock::SystemClock;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::answer::{AnswerDraft, AnswerError, AnswerOrder, ClockRepairPolicy};
use serde_json::json;

use super::answer::{self, AnswerCommand, AnswerFacts, AnswerTexts};
use super::context::AppContext;
use super::issuing::{Issuing, IssuingReport};
use super::request;
use crate::args::{ClockRepair, Dry};
use crate::inputs::{matrix, one_stdin};

pub(crate) fn run(arguments: &Dry<ClockRepair>, app: AppContext<'_>) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    let sources = std::iter::once(&order.request).chain(&order.product_file);
    one_stdin(order.key.stdin_count(), sources)?;
    let command = AnswerCommand {
        issuing: Issuing::new(app, &order.out, *dry_run),
        key: &order.key,
        qr: order.qr,
    };
    command.check()?;
    let matrix = matrix(order.product_file.as_ref())?;
    let request = request::clock(&order.request, &matrix)?;
    let texts = ClockRepairTexts {
        machine: request::digest(&order.request, &request.machine)?,
    };
    let policy = ClockRepairPolicy {
        request: &request,
        matrix: &matrix,
        issued_at: order.issued_at,
        clock: &SystemClock,
    };
    let answer = AnswerOrder {
        policy,
        reissue: false,
    };
    command.run(&answer, &texts)
}

/// The texts of clock repairs.
struct ClockRepairTexts {
    machine: MachineDigest,
}

impl AnswerTexts<ClockRepairPolicy<'_>> for ClockRepairTexts {
    fn refused(&self, error: AnswerError, ledger: Option<&dyn LedgerReader>) -> Failure {
        answer::refused(&error, ledger)
    }

    fn report(
        &self,
        draft: &AnswerDraft<'_, ClockRepairPolicy<'_>>,
        facts: &AnswerFacts<'_>,
        issuing: &Issuing<'_>,
    ) -> IssuingReport {
        let (request, machine) = (draft.policy().request, self.machine);
        let issued_at = match draft.approval() {
            Some(approval) => Some(approval.issued_at),
            None => facts
                .text("issued_at")
                .and_then(|at| Timestamp::parse(&at).ok()),
        };
        let ahead = issued_at.map_or(0, |at| request.mark.seconds_since(at));
        let id = facts.text("repair_id");
        let json = json!({
            "repair_id": id,
            "machine": machine.to_string(),
            "nonce": request.nonce.to_string(),
            "mark": request.mark.to_string(),
            "ahead_seconds": ahead,
            "requested_at": request.made_at.to_string(),
            "issued_at": issued_at.map(|at| at.to_string()),
            "answered_before": draft.previous().is_some(),
            "kid": facts.key_id(),
            "path": issuing.path(),
            "token": facts.token().filter(|_| issuing.shows_token()),
            "dry_run": issuing.dry_run,
        });
        let ahead = match ahead {
            0 => "not ahead".to_owned(),
            seconds => format!("{} ahead", Span(seconds)),
        };
        let mut lines = Vec::new();
        lines.extend(id.map(|id| format!("repair     {}", escape(&id))));
        lines.push(format!("machine    {machine}"));
        lines.push(format!("nonce      {}", request.nonce));
        lines.push(format!("has seen   {}, {ahead}", request.mark));
        lines.extend(issued_at.map(|at| format!("set to     {at}")));
        IssuingReport { json, lines }
    }
}
