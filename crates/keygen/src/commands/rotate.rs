//! `keygen rotate`.

mod report;

use license_cli_support::{Failure, Terminal, plural};
use license_core::issue::{Signer, VerifyingSigner};
use license_core::license::TrustStatement;
use license_core::trust::TrustedKey;
use license_core::{TrustSet, with_causes};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::{DraftContext, SignerSource};
use license_issuer::services::trust_statements::{
    RetirementConsequences, RotationKeys, TrustStatementError, TrustStatementOrder,
    TrustStatementPlan,
};

use super::context::AppContext;
use super::issuance::Issuance;
use crate::args::Rotate;
use crate::inputs::{add_keys, matrix};
use crate::passphrase::is_stdin;
use crate::settings::KeyChoice;
use crate::{failures, keys, output};

pub(crate) fn run(arguments: &Rotate, app: AppContext<'_>) -> Result<(), Failure> {
    let terminal = app.terminal;
    let signing = &arguments.signing;
    let issuance = Issuance::from_args(app, signing);
    output::check(issuance.output)?;
    let signer = RotationKeyFiles {
        signer: app.settings.key(&signing.key)?,
        successor: arguments
            .successor()
            .map(|(key, options)| app.settings.other_key(key, &options)),
        terminal,
    };
    signer.check_stdin()?;
    let mut introduced = TrustSet::default();
    add_keys(&mut introduced, &arguments.introduce)?;
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    let statements = TrustStatementOrder {
        issuer: matrix.issuer(),
        issued_at: signing.issued_at,
        introduced: &introduced,
        retires: arguments.retire,
    };
    let issued = issuance.run(
        &signer,
        &|context: &DraftContext<'_, RotationKeys>| {
            let plan = statements.plan(context);
            plan.map_err(|error| refused(error, context.ledger))
        },
        &|plan: &TrustStatementPlan<'_>| {
            issuance.warn(&plan.warnings);
            warn_about_consequences(&plan.consequences, terminal);
        },
        &|_, signed: &Vec<TrustStatement>| {
            let text = if issuance.is_in_report() {
                Terminal::json_text(&report::from_signed(signed, &issuance).json)
            } else {
                signed.iter().map(TrustStatement::to_armor).collect()
            };
            Ok(text.into_bytes())
        },
    )?;
    issuance.print(&match &issued.signed {
        Some(signed) => report::from_signed(signed, &issuance),
        None => report::from_plan(&issued.draft, &issuance),
    })
}

/// The key that signs, and the key of the option `--with`.
struct RotationKeyFiles<'a> {
    signer: KeyChoice,
    successor: Option<KeyChoice>,
    terminal: &'a Terminal,
}

impl RotationKeyFiles<'_> {
    fn check_stdin(&self) -> Result<(), Failure> {
        let is_from_stdin = |key: &KeyChoice| key.file().is_some_and(is_stdin);
        if is_from_stdin(&self.signer) && self.successor.as_ref().is_some_and(is_from_stdin) {
            return Err(
                Failure::usage("--key and --with cannot both come from standard input")
                    .hint("use a file for one of them"),
            );
        }
        Ok(())
    }

    /// Opens the successor key. Prints a note before its passphrase prompt, so that users can
    /// distinguish this prompt from the prompt for `--key`.
    fn open_successor(&self, key: &KeyChoice) -> Result<VerifyingSigner, Failure> {
        let file = key.file().filter(|file| !is_stdin(file));
        let is_prompted = file.is_some() && key.passphrase_file.is_none();
        if is_prompted && keys::probe(key, self.terminal)?.is_none() {
            self.terminal
                .note("the next passphrase is for the successor, which --with names");
        }
        keys::open(key, self.terminal)
    }
}

impl SignerSource<RotationKeys> for RotationKeyFiles<'_> {
    type Error = Failure;

    fn peek(&self) -> Result<Option<RotationKeys>, Failure> {
        let signer = keys::probe(&self.signer, self.terminal)?;
        let successor = self.successor.as_ref();
        let successor = successor.map(|key| keys::probe(key, self.terminal));
        Ok(Some(RotationKeys {
            signer,
            successor: successor.transpose()?.flatten(),
        }))
    }

    fn open(&self) -> Result<RotationKeys, Failure> {
        let signer = keys::open(&self.signer, self.terminal)?;
        let successor = self.successor.as_ref();
        let successor = successor.map(|key| self.open_successor(key));
        Ok(RotationKeys {
            signer: Some(signer),
            successor: successor.transpose()?,
        })
    }

    fn public_keys<'s>(&self, keys: &'s RotationKeys) -> Vec<&'s TrustedKey> {
        let all = keys.signer.iter().chain(&keys.successor);
        all.map(Signer::public).collect()
    }
}

fn refused(error: TrustStatementError, ledger: Option<&dyn LedgerReader>) -> Failure {
    let message = with_causes(&error);
    match error {
        TrustStatementError::Ledger(error) => failures::ledger_refused(ledger, &error),
        TrustStatementError::SuccessorIsSigner => {
            Failure::usage("--with: expected a key other than --key, found the same key")
                .hint("name the key to retire with --key, and its successor with --with")
        }
        TrustStatementError::IntroducesSigner => {
            Failure::usage("--introduce: expected keys other than --key, found the same key")
                .hint("print the new public key with `keygen public --key NEW --format jwk`")
        }
        TrustStatementError::IntroducedByRetired { .. } => Failure::usage(format!(
            "--introduce: {message}"
        ))
        .hint("sign the introduction with another key, which stays trusted: `keygen rotate --key OTHER --introduce FILE`"),
        _ => Failure::usage(message),
    }
}

/// Warns about keys and artifacts that are no longer trusted after a retirement.
fn warn_about_consequences(consequences: &RetirementConsequences, terminal: &Terminal) {
    for key in &consequences.introduced_keys {
        let message = format!(
            "key {key} was introduced by the retired key and is no longer trusted, unless another key also introduces it (`keygen rotate --key OTHER --introduce FILE`)"
        );
        terminal.warning("INTRODUCED_KEY", &message);
    }
    if consequences.licenses > 0 {
        let message = format!(
            "{} signed with the retired key: reissue each license (`keygen upgrade LICENSE --reissue --key NEW`), and send it in one file with the retirement; otherwise, the license stops working",
            plural(
                consequences.licenses,
                "active license is",
                "active licenses are"
            )
        );
        terminal.warning("SIGNED_BY_RETIRED_KEY", &message);
    }
    if consequences.activations > 0 {
        let message = format!(
            "{} signed with the retired key: reissue each activation (`keygen activate REQUEST --reissue --key NEW`), and send it in one file with the retirement; otherwise, the license stops working on its machine",
            plural(
                consequences.activations,
                "current activation is",
                "current activations are"
            )
        );
        terminal.warning("SIGNED_BY_RETIRED_KEY", &message);
    }
}
