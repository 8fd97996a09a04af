//! `keygen rotate`.

mod report;

use license_cli_support::{Failure, Terminal, plural};
use license_core::issue::{CheckedKey, Sign};
use license_core::{TrustSet, TrustStatement, TrustedKey};
use license_issuer::services::issue::{DraftContext, SignerSource};
use license_issuer::services::trust_statements::{
    RetirementConsequences, RotationKeys, TrustStatementError, TrustStatementOrder,
    TrustStatementPlan,
};

use super::context::AppContext;
use super::issuing::Issuing;
use crate::args::{Dry, KeyArgs, Rotate};
use crate::inputs::{add_keys, matrix};
use crate::passphrase::is_stdin;
use crate::{failures, keys};

pub(crate) fn run(arguments: &Dry<Rotate>, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { terminal, .. } = app;
    let Dry { order, dry_run } = arguments;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    issuing.out.check()?;
    let signer = RotationKeyFiles {
        signer: &order.key,
        successor: order.second(),
        terminal,
    };
    signer.check_stdin()?;
    let mut introduced = TrustSet::default();
    add_keys(&mut introduced, &order.introduce)?;
    let matrix = matrix(order.product_file.as_ref())?;
    let statements = TrustStatementOrder {
        issuer: matrix.issuer(),
        issued_at: order.issued_at,
        introduced: &introduced,
        retires: order.retire,
    };
    let issued = issuing.run(
        &signer,
        &|context: &DraftContext<'_, RotationKeys>| statements.plan(context).map_err(refused),
        &|plan: &TrustStatementPlan<'_>| {
            issuing.warn(&plan.warnings);
            warn_of_consequences(&plan.consequences, terminal);
        },
        &|_, signed: &Vec<TrustStatement>| {
            Ok(match issuing.is_in_report() {
                true => Terminal::json_text(&report::of_signed(signed, &issuing).json),
                false => signed.iter().map(TrustStatement::to_armor).collect(),
            }
            .into_bytes())
        },
    )?;
    issuing.print(&match &issued.signed {
        Some(signed) => report::of_signed(signed, &issuing),
        None => report::of_plan(&issued.draft, &issuing),
    })
}

/// The keys of the options `--key` and `--with`.
struct RotationKeyFiles<'a> {
    signer: &'a KeyArgs,
    successor: Option<KeyArgs>,
    terminal: &'a Terminal,
}

impl RotationKeyFiles<'_> {
    fn check_stdin(&self) -> Result<(), Failure> {
        let is_from_stdin = |key: &KeyArgs| key.key.file().is_some_and(is_stdin);
        match is_from_stdin(self.signer) && self.successor.as_ref().is_some_and(is_from_stdin) {
            true => Err(
                Failure::usage("--key and --with can't both come from standard input")
                    .hint("name a file for one of them"),
            ),
            false => Ok(()),
        }
    }

    /// Opens the successor. Announces its passphrase prompt, because the prompt for the signer was
    /// just before.
    fn open_successor(&self, key: &KeyArgs) -> Result<CheckedKey, Failure> {
        let file = key.key.file().filter(|file| !is_stdin(file));
        let is_prompted = file.is_some() && key.passphrase_file.is_none();
        if is_prompted && keys::probe(key, self.terminal)?.is_none() {
            self.terminal.note("now the key that stays, --with");
        }
        keys::open(key, self.terminal)
    }
}

impl SignerSource<RotationKeys> for RotationKeyFiles<'_> {
    type Error = Failure;

    fn peek(&self) -> Result<Option<RotationKeys>, Failure> {
        let signer = keys::probe(self.signer, self.terminal)?;
        let successor = self.successor.as_ref();
        let successor = successor.map(|key| keys::probe(key, self.terminal));
        Ok(Some(RotationKeys {
            signer,
            successor: successor.transpose()?.flatten(),
        }))
    }

    fn open(&self) -> Result<RotationKeys, Failure> {
        let signer = keys::open(self.signer, self.terminal)?;
        let successor = self.successor.as_ref();
        let successor = successor.map(|key| self.open_successor(key));
        Ok(RotationKeys {
            signer: Some(signer),
            successor: successor.transpose()?,
        })
    }

    fn public_keys<'s>(&self, keys: &'s RotationKeys) -> Vec<&'s TrustedKey> {
        let all = keys.signer.iter().chain(&keys.successor);
        all.map(Sign::public).collect()
    }
}

fn refused(error: TrustStatementError) -> Failure {
    let message = error.to_string();
    match error {
        TrustStatementError::Ledger(error) => failures::ledger_not_written(&error),
        TrustStatementError::SuccessorIsSigner => {
            Failure::usage("--with: expected another key than --key, found the same")
                .hint("a retirement takes two keys: the one that goes and one that stays")
        }
        TrustStatementError::IntroducesSigner => {
            Failure::usage("--introduce: expected other keys than --key, found the same")
                .hint("`keygen public --key NEW --format jwk` gives the public half of the new key")
        }
        TrustStatementError::IntroducedByRetired { .. } => Failure::usage(format!(
            "--introduce: {message}"
        ))
        .hint("introduce it with the key that stays: `keygen rotate --key STAYS --introduce FILE`"),
        _ => Failure::usage(message),
    }
}

/// Warns of what is no longer trusted after a retirement.
fn warn_of_consequences(consequences: &RetirementConsequences, terminal: &Terminal) {
    for key in &consequences.introduced_keys {
        let message = format!(
            "key {key} was introduced by the key that is retired and goes with it, unless a key that stays introduces it too (`keygen rotate --key STAYS --introduce FILE`)"
        );
        terminal.warning("GOES_TOO", &message);
    }
    if consequences.licenses > 0 {
        let message = format!(
            "{} signed with this key: send each anew in one file with the retirement (`keygen upgrade LICENSE --anew --key NEW`), or it stops there",
            plural(
                consequences.licenses,
                "license that holds was",
                "licenses that hold were"
            )
        );
        terminal.warning("SIGNED_WITH_IT", &message);
    }
    if consequences.activations > 0 {
        let message = format!(
            "{} signed with this key: send each anew in that file too (`keygen activate REQUEST --anew --key NEW`), or its machine stops there",
            plural(
                consequences.activations,
                "activation that stands was",
                "activations that stand were"
            )
        );
        terminal.warning("SIGNED_WITH_IT", &message);
    }
}
