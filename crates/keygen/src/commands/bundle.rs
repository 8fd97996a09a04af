//! `keygen bundle`: what a customer is to install, in one file.

use std::collections::BTreeMap;

use license_cli_support::{Destination, Exit, Failure, Source, Terminal, escape};
use license_core::{
    Artefacts, Bundle, BundleError, Code, License, LicenseKey, MAX_FILE_BYTES, Machine, Matrix,
    ParseError, Rotation, Timestamp, TokenKind, TrustSet, TrustStatement, input_cap,
};
use serde_json::{Value, json};

use super::context::AppContext;
use super::diff;
use super::lookup::signing_keys;
use crate::args;
use crate::inputs::{add_keys, matrix, one_stdin};

/// The order of the blocks: first what the others are verified with, then what they are about.
const ORDER: [TokenKind; 6] = [
    TokenKind::TrustStatement,
    TokenKind::License,
    TokenKind::Validation,
    TokenKind::Activation,
    TokenKind::Revocations,
    TokenKind::ClockRepair,
];

pub(crate) fn run(arguments: &args::Bundle, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    let sources = arguments.files.iter().chain(&arguments.trust);
    one_stdin(0, sources.chain(&arguments.product_file))?;
    let out = &arguments.out;
    out.check()?;
    let matrix = matrix(arguments.product_file.as_ref())?;
    let ledger = diff::existing(place)?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.trust)?;
    let entered = ledger.as_deref().map(signing_keys).transpose()?;
    let trust = trust.joined(&entered.unwrap_or_default());
    let mut parts = Parts {
        blocks: BTreeMap::new(),
        rotation: Rotation::new(trust.clone()),
    };
    let texts = texts(&arguments.files)?;
    let licenses = licenses(&texts, &trust, &matrix)?;
    for (source, text) in &texts {
        parts.add(source, text, &trust, &matrix, &licenses)?;
    }
    let blocks = parts.in_order(terminal);
    let text: String = blocks.iter().map(|block| block.armor.as_str()).collect();
    // As whoever installs it reads it.
    let read = Bundle::verify_beside(&text, &trust, &matrix, &licenses);
    let _ = read.map_err(|error| too_large(&error))?;
    let is_printed = matches!(out.out, Destination::Stdout) && terminal.is_json();
    if !is_printed {
        out.write(&text)?;
    }
    tell(&blocks, &text, &out.out, terminal)
}

fn texts(files: &[Source]) -> Result<Vec<(&Source, String)>, Failure> {
    let read = |source: &Source| source.read_text_or_more(MAX_FILE_BYTES, input_cap);
    files
        .iter()
        .map(|source| Ok((source, read(source)?)))
        .collect()
}

/// The licenses of all the files: a validation may be in another one than its license.
fn licenses(
    texts: &[(&Source, String)],
    trust: &TrustSet,
    matrix: &Matrix,
) -> Result<Vec<License>, Failure> {
    let mut licenses = Vec::new();
    for (source, text) in texts {
        if LicenseKey::is_likely(text) {
            return Err(enterprise_key(source));
        }
        let refused = |error| not_bundled(source, &error);
        let artefacts =
            Artefacts::parse(text).map_err(|error| refused(BundleError::Parse(error)))?;
        let own: String = artefacts
            .of_kind(TokenKind::License)
            .map(|block| block.token.to_armor())
            .collect();
        if own.is_empty() {
            continue;
        }
        // Told of by the line of its own file when all of that is verified.
        if let Ok(bundle) = Bundle::verify(&own, trust, matrix) {
            licenses.extend_from_slice(bundle.licenses());
        }
    }
    Ok(licenses)
}

/// A verified block.
struct Block {
    kind: TokenKind,
    id: String,
    /// What it is about, for a person.
    about: String,
    issued_at: Option<Timestamp>,
    /// Of a revocation list: the key, the product and the number, of which the highest counts.
    list: Option<(String, String, u64)>,
    /// The place of a trust statement among the others, of which each counts over those before it.
    place: usize,
    armor: String,
}

/// Blocks by their tokens, so that each is there once.
struct Parts {
    blocks: BTreeMap<String, Block>,
    /// What the trust statements say one after the other.
    rotation: Rotation,
}

impl Parts {
    fn add(
        &mut self,
        source: &Source,
        text: &str,
        trust: &TrustSet,
        matrix: &Matrix,
        licenses: &[License],
    ) -> Result<(), Failure> {
        let refused = |error: BundleError| not_bundled(source, &error);
        let artefacts =
            Artefacts::parse(text).map_err(|error| refused(BundleError::Parse(error)))?;
        let bundle = Bundle::verify_beside(text, trust, matrix, licenses).map_err(refused)?;
        let mut verified = self.add_statements(&artefacts, &refused)?;
        for kind in ORDER {
            let tokens = artefacts.of_kind(kind).map(|block| &block.token);
            for (token, mut block) in tokens.zip(blocks(kind, &bundle)) {
                verified += 1;
                block.armor = token.to_armor();
                self.blocks.insert(token.as_str().to_owned(), block);
            }
        }
        // Of a kind that a later version has, and that nobody has verified here.
        match verified == artefacts.blocks().len() {
            true => Ok(()),
            false => Err(unknown_kind(source)),
        }
    }

    /// Statements in the order in which the files are named: each is verified with the keys that those before it leave.
    fn add_statements(
        &mut self,
        artefacts: &Artefacts<'_>,
        refused: &impl Fn(BundleError) -> Failure,
    ) -> Result<usize, Failure> {
        let mut count = 0;
        for found in artefacts.of_kind(TokenKind::TrustStatement) {
            count += 1;
            let applied = self.rotation.apply(&found.token);
            applied.map_err(|error| {
                let (line, error) = (Some(found.line), error.into());
                refused(BundleError::Statement { line, error })
            })?;
            let statements = self.rotation.statements();
            let is_it = |said: &TrustStatement| said.as_str() == found.token.as_str();
            // One of which all is known goes along: who installs it may know less.
            let said = statements.iter().find(|said| is_it(said));
            let place = self.blocks.len();
            let block = Block {
                kind: TokenKind::TrustStatement,
                id: found.token.unverified_key_id().to_owned(),
                about: said.map_or_else(|| "says what others say".to_owned(), about_keys),
                issued_at: said.map(TrustStatement::issued_at),
                list: None,
                place,
                armor: found.token.to_armor(),
            };
            let token = found.token.as_str().to_owned();
            self.blocks.entry(token).or_insert(block);
        }
        Ok(count)
    }

    /// The same whatever order the files were named in, but for trust statements. Of the lists of one key the newest is enough.
    fn in_order(self, terminal: &Terminal) -> Vec<Block> {
        let mut newest: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (key, product, seq) in self.blocks.values().filter_map(|block| block.list.clone()) {
            let known = newest.entry((key, product)).or_insert(seq);
            *known = seq.max(*known);
        }
        let is_newest = |block: &Block| match &block.list {
            Some((key, product, seq)) => newest.get(&(key.clone(), product.clone())) == Some(seq),
            None => true,
        };
        let (mut blocks, older): (Vec<_>, Vec<_>) = self.blocks.into_values().partition(is_newest);
        for list in older {
            terminal.note(&format!(
                "left out {}: a newer list of the same key is there",
                list.about
            ));
        }
        let place = |kind| ORDER.iter().position(|other| *other == kind);
        blocks.sort_by(|a, b| {
            let is_statement = |block: &Block| block.kind == TokenKind::TrustStatement;
            let at = |block: &Block| block.issued_at.filter(|_| !is_statement(block));
            let key = |block: &Block| (place(block.kind), block.place, at(block));
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        blocks
    }
}

/// Returns the digest of a machine, as a person compares it.
fn machine(machine: &Machine) -> String {
    let digest = machine.digest();
    digest.map_or_else(|| "?".to_owned(), |digest| digest.to_string())
}

/// The verified blocks of one kind, in the order of the file.
fn blocks(kind: TokenKind, bundle: &Bundle) -> Vec<Block> {
    let block = |id: String, about: String, issued_at: Option<Timestamp>| Block {
        kind,
        id,
        about,
        issued_at,
        list: None,
        place: 0,
        armor: String::new(),
    };
    match kind {
        TokenKind::License => {
            let of = |license: &License| {
                let customer = escape(license.customer());
                let about = format!("{} for {customer}", license.tier());
                block(license.id().to_string(), about, license.issued_at())
            };
            bundle.licenses().iter().map(of).collect()
        }
        TokenKind::Validation => {
            let said = bundle.validations().iter();
            said.map(|said| {
                let about = format!("{} for license {}", said.status(), said.license_id());
                block(said.id().to_owned(), about, Some(said.issued_at()))
            })
            .collect()
        }
        TokenKind::Activation => {
            let said = bundle.activations().iter();
            said.map(|said| {
                let machine = machine(said.machine());
                let about = format!("license {} on {machine}", said.license_id());
                block(said.id().to_string(), about, Some(said.issued_at()))
            })
            .collect()
        }
        TokenKind::Revocations => {
            let lists = bundle.revocations().iter();
            lists
                .map(|list| {
                    let key = list.key_id().as_str().to_owned();
                    let about = format!("list {} of key {key}, {} revoked", list.seq(), list.len());
                    let about = format!("{about}, for {}", list.product());
                    let product = list.product().as_str().to_owned();
                    Block {
                        list: Some((key, product, list.seq())),
                        ..block(list.seq().to_string(), about, Some(list.issued_at()))
                    }
                })
                .collect()
        }
        TokenKind::ClockRepair => {
            let said = bundle.clock_repairs().iter();
            said.map(|said| {
                let machine = machine(said.machine());
                let about = format!("to {} on {machine}", said.issued_at());
                block(said.id().to_string(), about, Some(said.issued_at()))
            })
            .collect()
        }
        _ => Vec::new(),
    }
}

fn about_keys(said: &TrustStatement) -> String {
    let signer = said.signer();
    match said.countersigner() {
        Some(successor) => format!("key {signer} is retired, {successor} takes its place"),
        None => {
            let keys: Vec<_> = said.introduces().map(|key| key.id().to_string()).collect();
            format!("key {signer} introduces {}", keys.join(", "))
        }
    }
}

fn tell(
    blocks: &[Block],
    text: &str,
    out: &Destination,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let in_file = matches!(out, Destination::File(_));
    if terminal.is_json() {
        let of = |block: &Block| {
            json!({
                "kind": block.kind.label(),
                "id": block.id,
                "about": block.about,
                "issued_at": block.issued_at.map(|at| at.to_string()),
            })
        };
        let blocks: Vec<Value> = blocks.iter().map(of).collect();
        return terminal.json(&json!({
            "blocks": blocks,
            "path": in_file.then(|| out.to_string()),
            "bundle": (!in_file).then_some(text),
        }));
    }
    let lines = blocks.iter();
    let lines = lines.map(|block| format!("{:20} {}", block.kind.label(), block.about));
    let lines: Vec<_> = lines.collect();
    let lines = lines.join("\n");
    match in_file {
        true => terminal.data(&format!("wrote {out}\n{lines}")),
        false => {
            terminal.note(&lines);
            Ok(())
        }
    }
}

fn not_bundled(source: &Source, error: &BundleError) -> Failure {
    let code = error.code();
    let hint = match error {
        _ if matches!(code, Code::UntrustedKey | Code::BadSignature) => {
            "if another of your keys signed it, give that key's public half with --trust FILE; else it was changed, or is not yours"
        }
        BundleError::NoLicense => "name the license file of the validation too",
        BundleError::Parse(ParseError::PrivateKey) => "a private key is never sent to a customer",
        _ => "give files as they were minted, such as those of `keygen ledger resend`",
    };
    Failure::new(Exit::Unjudged, code.as_str(), format!("{source}: {error}")).hint(hint)
}

fn enterprise_key(source: &Source) -> Failure {
    Failure::usage(format!(
        "{source}: expected blocks of a license file, found a license key"
    ))
    .hint("a full enterprise key is installed by itself: send it beside the file")
}

fn unknown_kind(source: &Source) -> Failure {
    Failure::new(
        Exit::Unjudged,
        Code::UnsupportedVersion.as_str(),
        format!("{source}: a block in it is of a kind that this version does not verify"),
    )
    .hint("use a newer version of this program, or leave that file out")
}

fn too_large(error: &BundleError) -> Failure {
    Failure::usage(format!(
        "nobody could read all of this in one file: {error}"
    ))
    .hint("make several files: each takes 256 KiB besides revocation lists")
}
