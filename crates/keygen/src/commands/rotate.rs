//! `keygen rotate`: trust statements, by which a key takes the place of another at customers who have the old one.

mod report;

use license_core::issue::{CheckedKey, IntroductionDraft, RetirementDraft, Sign};
use license_core::{KeyId, Rotation, Timestamp, TrustSet, TrustStatement, TrustedKey, Unverified};
use license_terminal::{Destination, Failure, Terminal};
use serde_json::json;

use super::{add_keys, dry_run, matrix, not_issued, not_verified, now, trust_of, warn_of_future};
use crate::args::{Dry, KeyArgs, Rotate};
use crate::books::{Books, not_entered};
use crate::custody;
use crate::ledger::{Kind, LedgerReader, Place, Record};
use crate::private_file::is_stdin;

pub(crate) fn run(
    arguments: &Dry<Rotate>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry {
        order: arguments,
        dry_run,
    } = arguments;
    arguments.out.check()?;
    let order = Order::read(arguments)?;
    warn_of_future(order.issued_at, terminal);
    if *dry_run {
        return rehearse(arguments, &order, place, terminal);
    }
    let mut books = Books::open(place)?;
    let key = custody::load(&arguments.key, terminal)?;
    let second = order.second.as_ref();
    let second = second.map(|key| open_second(key, terminal)).transpose()?;
    order.check(Some(&key), second.as_ref())?;
    order.warn(books.ledger(), Some(&key), second.as_ref(), terminal)?;
    let minted = order.sign(&key, second.as_ref())?;
    let mut counter = books.counter(now())?;
    for key in [Some(&key), second.as_ref()].into_iter().flatten() {
        counter.enter_key(key.public())?;
    }
    let out = &arguments.out;
    let is_printed = matches!(out.out, Destination::Stdout) && terminal.is_json();
    let text: String = minted.iter().map(TrustStatement::to_armor).collect();
    let records = minted.iter().map(record).collect();
    counter.hand_out(records, out, (!is_printed).then_some(text.as_str()))?;
    report::minted(&minted, &out.out, terminal)
}

/// Opens the second key, and says so where its passphrase is asked for: that of the first was just before.
fn open_second(key: &KeyArgs, terminal: &Terminal) -> Result<CheckedKey, Failure> {
    let file = key.key.file().filter(|file| !is_stdin(file));
    let is_asked_for = file.is_some() && key.passphrase_file.is_none();
    if is_asked_for && custody::look(key, terminal)?.is_none() {
        terminal.note("now the key that stays, --with");
    }
    custody::load(key, terminal)
}

/// What would be said, and what would refuse it, without a secret.
fn rehearse(
    arguments: &Rotate,
    order: &Order,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let at_hand = dry_run::check(&arguments.key, &arguments.out, place, terminal)?;
    let second = order.second.as_ref();
    let second = second.map(|key| custody::look(key, terminal)).transpose()?;
    let (key, second) = (at_hand.key.as_ref(), second.flatten());
    order.check(key, second.as_ref())?;
    order.warn(at_hand.ledger.as_deref(), key, second.as_ref(), terminal)?;
    let keys = (key, second.as_ref());
    report::rehearsed(order, keys, &arguments.out.out, terminal)
}

/// What is to be said.
struct Order {
    issuer: String,
    issued_at: Timestamp,
    introduced: TrustSet,
    /// The second key of a retirement.
    second: Option<KeyArgs>,
}

impl Order {
    fn read(arguments: &Rotate) -> Result<Self, Failure> {
        let second = arguments.second();
        let names = [Some(&arguments.key), second.as_ref()];
        let of_stdin = |key: &&KeyArgs| key.key.file().is_some_and(is_stdin);
        if names.iter().flatten().filter(|key| of_stdin(key)).count() > 1 {
            return Err(
                Failure::usage("--key and --with can't both come from standard input")
                    .hint("name a file for one of them"),
            );
        }
        let mut introduced = TrustSet::default();
        add_keys(&mut introduced, &arguments.introduce)?;
        Ok(Self {
            issuer: matrix(arguments.product_file.as_ref())?.issuer().to_owned(),
            issued_at: arguments.issued_at.unwrap_or_else(now),
            introduced,
            second,
        })
    }

    /// Refuses what no verifier would take, as far as the keys are at hand.
    fn check(&self, key: Option<&CheckedKey>, second: Option<&CheckedKey>) -> Result<(), Failure> {
        let id = |key: Option<&CheckedKey>| key.map(|key| key.public().id().clone());
        let (own, second) = (id(key), id(second));
        if own.is_some() && own == second {
            return Err(
                Failure::usage("--with: expected another key than --key, found the same")
                    .hint("a retirement takes two keys: the one that goes and one that stays"),
            );
        }
        self.check_goes_with_it(second.as_ref())?;
        let is_own = |key: &&TrustedKey| Some(key.id()) == own.as_ref();
        match self.introduced.iter().find(is_own) {
            Some(_) => Err(Failure::usage(
                "--introduce: expected other keys than --key, found the same",
            )
            .hint("`keygen public --key NEW --format jwk` gives the public half of the new key")),
            None => Ok(()),
        }
    }

    /// What a key introduced goes with it, unless that takes its place.
    fn check_goes_with_it(&self, second: Option<&KeyId>) -> Result<(), Failure> {
        let Some(second) = second else { return Ok(()) };
        let goes = |key: &&TrustedKey| key.id() != second;
        match self.introduced.iter().find(goes) {
            None => Ok(()),
            Some(key) => Err(Failure::usage(format!(
                "--introduce: key {} would go with the key that is retired, which alone introduces it",
                key.id()
            ))
            .hint("introduce it with the key that stays: `keygen rotate --key STAYS --introduce FILE`")),
        }
    }

    /// What goes with the key that is retired, as far as the ledger knows.
    fn warn(
        &self,
        ledger: Option<&dyn LedgerReader>,
        key: Option<&CheckedKey>,
        second: Option<&CheckedKey>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let (Some(ledger), Some(key), Some(_)) = (ledger, key, &self.second) else {
            return Ok(());
        };
        let kid = key.public().id().as_str();
        let failed = |error| not_entered(&error);
        let stays = second.map(|second| second.public().id().as_str());
        for gone in ledger.keys_introduced_by(kid).map_err(failed)? {
            if Some(gone.as_str()) != stays {
                let message = format!(
                    "key {gone} was introduced by the key that is retired and goes with it, unless a key that stays introduces it too (`keygen rotate --key STAYS --introduce FILE`)"
                );
                terminal.warning("GOES_TOO", &message);
            }
        }
        let count = ledger
            .count_licenses_signed_by(kid, now())
            .map_err(failed)?;
        if count > 0 {
            let message = format!(
                "{} signed with this key: send each anew in one file with the retirement (`keygen upgrade LICENSE --anew --key NEW`), or it stops there",
                licenses(count)
            );
            terminal.warning("SIGNED_WITH_IT", &message);
        }
        let count = ledger
            .count_activations_signed_by(kid, now())
            .map_err(failed)?;
        if count > 0 {
            let message = format!(
                "{} signed with this key: send each anew in that file too (`keygen activate REQUEST --anew --key NEW`), or its machine stops there",
                activations(count)
            );
            terminal.warning("SIGNED_WITH_IT", &message);
        }
        Ok(())
    }

    /// The statements, each verified as a customer will who trusts what is needed.
    fn sign(
        &self,
        key: &CheckedKey,
        second: Option<&CheckedKey>,
    ) -> Result<Vec<TrustStatement>, Failure> {
        let mut tokens = Vec::new();
        let (issuer, issued_at) = (self.issuer.clone(), self.issued_at);
        if !self.introduced.is_empty() {
            let keys = self.introduced.iter().collect();
            let draft = IntroductionDraft {
                issuer: issuer.clone(),
                issued_at,
                keys,
            };
            tokens.push(draft.sign(key).map_err(|error| not_issued(&error))?);
        }
        if let Some(second) = second {
            let draft = RetirementDraft { issuer, issued_at };
            let token = draft.sign(key, second);
            tokens.push(token.map_err(|error| not_issued(&error))?);
        }
        self.verified(&tokens, key, second)
    }

    fn verified(
        &self,
        tokens: &[String],
        key: &CheckedKey,
        second: Option<&CheckedKey>,
    ) -> Result<Vec<TrustStatement>, Failure> {
        let refused = |reason: &dyn std::fmt::Display| not_verified("trust statement", reason);
        let mut trust = trust_of(key).map_err(|error| refused(&error))?;
        // One that is introduced here need not be trusted before.
        let is_introduced = |id: &KeyId| self.introduced.get(id.as_str()).is_some();
        if let Some(second) = second.filter(|second| !is_introduced(second.public().id())) {
            let second = trust_of(second).map_err(|error| refused(&error))?;
            trust = trust.joined(&second);
        }
        let mut rotation = Rotation::new(trust);
        for token in tokens {
            let token = Unverified::parse(token).map_err(|error| refused(&error))?;
            let _ = rotation.apply(&token).map_err(|error| refused(&error))?;
        }
        Ok(rotation.statements().to_vec())
    }
}

fn licenses(count: u64) -> String {
    match count {
        1 => "1 license that holds was".to_owned(),
        count => format!("{count} licenses that hold were"),
    }
}

fn activations(count: u64) -> String {
    match count {
        1 => "1 activation that stands was".to_owned(),
        count => format!("{count} activations that stand were"),
    }
}

fn record(statement: &TrustStatement) -> Record {
    let introduces = statement.introduces().map(|key| key.id().as_str());
    let body = json!({
        "kid": statement.signer().as_str(),
        "introduces": introduces.collect::<Vec<_>>(),
        "retires": statement.retires().map(|key| key.as_str()),
        "successor": statement.countersigner().map(|key| key.as_str()),
        "issued_at": statement.issued_at().to_string(),
    });
    Record {
        kind: Kind::TrustStatement,
        subject: statement.signer().as_str().to_owned(),
        body,
        artifact: statement.as_str().to_owned(),
    }
}
