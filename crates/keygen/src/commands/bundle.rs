//! `keygen bundle`: combines verified artifacts into one file for a customer.

use std::collections::BTreeMap;

use license_cli_support::{Exit, Failure, Source, Terminal, escape};
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::decode_text;
use license_core::jose::{MAX_FILE_BYTES, ParseError, input_cap};
use license_core::license::{Rotation, TrustStatement, Validation, VerifiedLicensesError};
use license_core::machine::Machine;
use license_core::time::rfc3339;
use license_core::{
    Code, FeatureMatrix, License, LicenseFile, LicenseKey, TokenKind, TrustSet, VerifiedLicenses,
    with_causes,
};
use serde_json::{Value, json};

use super::context::AppContext;
use super::diff;
use super::lookup::signing_keys;
use crate::args;
use crate::failures::UNTRUSTED_HINT;
use crate::inputs::{add_keys, matrix, one_stdin};
use crate::output;

/// Position of the descriptions in the text report.
const ABOUT_INDENT: usize = 21;

/// Order of the blocks. Blocks that others depend on come first.
const ORDER: [TokenKind; 6] = [
    TokenKind::TrustStatement,
    TokenKind::License,
    TokenKind::Validation,
    TokenKind::Activation,
    TokenKind::Revocations,
    TokenKind::ClockRepair,
];

pub(crate) fn run(arguments: &args::Bundle, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    let sources = arguments.files.iter().chain(&arguments.trust);
    one_stdin(0, sources.chain(&arguments.product_file))?;
    let output = &arguments.output;
    output::check(output)?;
    let matrix = matrix(app.settings, arguments.product_file.as_ref())?;
    let ledger = diff::open_if_exists(location)?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.trust)?;
    let recorded = ledger.as_deref().map(signing_keys).transpose()?;
    let trust = trust.joined(&recorded.unwrap_or_default());
    let mut bundle = VerifiedBlocks {
        blocks: BTreeMap::new(),
        rotation: Rotation::new(trust.clone()),
    };
    let texts = texts(&arguments.files)?;
    let licenses = verified_licenses(&texts, &trust, &matrix)?;
    for (source, text) in &texts {
        bundle.add(source, text, &trust, &matrix, &licenses)?;
    }
    let blocks = bundle.into_sorted(terminal);
    let text: String = blocks.iter().map(|block| block.armor.as_str()).collect();
    // The combined file is verified as on the machine that installs it.
    let verified = VerifiedLicenses::verify_with_licenses(&text, &trust, &matrix, &licenses);
    let _ = verified.map_err(|error| too_large(&error))?;
    let path = output.path();
    if path.is_some() || !terminal.is_json() {
        output::write(output, &text)?;
    }
    print(&blocks, &text, path, terminal)
}

fn texts(files: &[Source]) -> Result<Vec<(&Source, String)>, Failure> {
    let read =
        |source: &Source| source.read_text_with_larger_cap(MAX_FILE_BYTES, input_cap, decode_text);
    files
        .iter()
        .map(|source| Ok((source, read(source)?)))
        .collect()
}

/// Returns the licenses in all files, because a validation and its license may be in two files.
fn verified_licenses(
    texts: &[(&Source, String)],
    trust: &TrustSet,
    matrix: &FeatureMatrix,
) -> Result<Vec<License>, Failure> {
    let mut licenses = Vec::new();
    for (source, text) in texts {
        if LicenseKey::is_likely(text) {
            return Err(license_key(source));
        }
        let refused = |error| not_bundled(source, &error);
        let artifacts = LicenseFile::parse(text)
            .map_err(|error| refused(VerifiedLicensesError::Parse(error)))?;
        let own: String = artifacts
            .blocks_of_kind(TokenKind::License)
            .map(|block| block.token.signed_reading(trust).to_armor())
            .collect();
        if own.is_empty() {
            continue;
        }
        // Errors are reported when the complete file is verified.
        if let Ok(verified) = VerifiedLicenses::verify(&own, trust, matrix) {
            licenses.extend_from_slice(verified.licenses());
        }
    }
    Ok(licenses)
}

/// Verified block of a license file.
struct VerifiedBlock {
    kind: TokenKind,
    id: String,
    /// Description of the content.
    about: String,
    issued_at: Option<DateTime<Utc>>,
    /// Key, product and number of a revocation list. The list with the highest number is used.
    list: Option<(String, String, u64)>,
    /// Position of a trust statement. A statement takes precedence over earlier ones.
    position: usize,
    armor: String,
}

/// Verified blocks by their armor, without duplicates.
struct VerifiedBlocks {
    blocks: BTreeMap<String, VerifiedBlock>,
    /// Trusted keys according to the trust statements.
    rotation: Rotation,
}

impl VerifiedBlocks {
    /// Verifies the blocks of a file and adds them.
    fn add(
        &mut self,
        source: &Source,
        text: &str,
        trust: &TrustSet,
        matrix: &FeatureMatrix,
        licenses: &[License],
    ) -> Result<(), Failure> {
        let refused = |error: VerifiedLicensesError| not_bundled(source, &error);
        let artifacts = LicenseFile::parse(text)
            .map_err(|error| refused(VerifiedLicensesError::Parse(error)))?;
        let verified = VerifiedLicenses::verify_with_licenses(text, trust, matrix, licenses)
            .map_err(refused)?;
        let mut count = self.add_statements(&artifacts, &refused)?;
        for kind in ORDER {
            let armors = signed_armors(kind, &artifacts, &verified, trust);
            for (armor, mut block) in armors.into_iter().zip(verified_blocks(kind, &verified)) {
                count += 1;
                block.armor = armor.clone();
                self.blocks.insert(armor, block);
            }
        }
        // Blocks of a kind that only later versions know are not verified.
        if count == artifacts.blocks().len() {
            Ok(())
        } else {
            Err(unknown_kind(source))
        }
    }

    /// Adds trust statements in the order of the files. Earlier statements change the trusted keys.
    fn add_statements(
        &mut self,
        artifacts: &LicenseFile<'_>,
        refused: &impl Fn(VerifiedLicensesError) -> Failure,
    ) -> Result<usize, Failure> {
        let mut count = 0;
        for found in artifacts.blocks_of_kind(TokenKind::TrustStatement) {
            count += 1;
            let token = found.token.signed_reading(self.rotation.keys()).clone();
            let applied = self.rotation.apply(&token);
            applied.map_err(|error| {
                let (line, source) = (Some(found.line), error.into());
                refused(VerifiedLicensesError::Statement { line, source })
            })?;
            let statements = self.rotation.statements();
            let is_found = |other: &&TrustStatement| other.as_str() == token.as_str();
            // A redundant statement stays, because the machine may not have the other statements.
            let statement = statements.iter().find(is_found);
            let position = self.blocks.len();
            let block = VerifiedBlock {
                kind: TokenKind::TrustStatement,
                id: token.unverified_key_id().to_owned(),
                about: statement
                    .map_or_else(|| "redundant statement".to_owned(), describe_statement),
                issued_at: statement.map(TrustStatement::issued_at),
                list: None,
                position,
                armor: token.to_armor(),
            };
            let armor = block.armor.clone();
            self.blocks.entry(armor).or_insert(block);
        }
        Ok(count)
    }

    /// Returns the blocks in a fixed order. Only trust statements keep the order of the files.
    ///
    /// Omits all but the newest revocation list of each key and product.
    fn into_sorted(self, terminal: &Terminal) -> Vec<VerifiedBlock> {
        let mut newest: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (key, product, seq) in self.blocks.values().filter_map(|block| block.list.clone()) {
            let highest = newest.entry((key, product)).or_insert(seq);
            *highest = seq.max(*highest);
        }
        let is_newest = |block: &VerifiedBlock| match &block.list {
            Some((key, product, seq)) => newest.get(&(key.clone(), product.clone())) == Some(seq),
            None => true,
        };
        let (mut blocks, older): (Vec<_>, Vec<_>) = self.blocks.into_values().partition(is_newest);
        for list in older {
            terminal.note(&format!(
                "omitted {}, because a newer list of the same key is included",
                list.about
            ));
        }
        let rank = |kind| ORDER.iter().position(|other| *other == kind);
        blocks.sort_by(|a, b| {
            let is_statement = |block: &VerifiedBlock| block.kind == TokenKind::TrustStatement;
            let at = |block: &VerifiedBlock| block.issued_at.filter(|_| !is_statement(block));
            let key = |block: &VerifiedBlock| (rank(block.kind), block.position, at(block));
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        blocks
    }
}

/// Returns the digest of a machine for descriptions.
fn digest_of(machine: &Machine) -> String {
    let digest = machine.digest();
    digest.map_or_else(|| "?".to_owned(), |digest| digest.to_string())
}

/// Returns the armor of the blocks of one kind, in the order of the file. A block with long dashes
/// has two readings, and this is the one that was verified.
fn signed_armors(
    kind: TokenKind,
    artifacts: &LicenseFile<'_>,
    verified: &VerifiedLicenses,
    trust: &TrustSet,
) -> Vec<String> {
    if kind == TokenKind::Validation {
        // The key of the customer's own server is not in the trust set.
        let validations = verified.validations().iter();
        return validations.map(Validation::to_armor).collect();
    }
    let blocks = artifacts.blocks_of_kind(kind);
    blocks
        .map(|block| block.token.signed_reading(trust).to_armor())
        .collect()
}

/// Returns the verified blocks of one kind in the order of the file.
fn verified_blocks(kind: TokenKind, verified: &VerifiedLicenses) -> Vec<VerifiedBlock> {
    let block = |id: String, about: String, issued_at: Option<DateTime<Utc>>| VerifiedBlock {
        kind,
        id,
        about,
        issued_at,
        list: None,
        position: 0,
        armor: String::new(),
    };
    match kind {
        TokenKind::License => {
            let to_block = |license: &License| {
                let customer = escape(license.customer());
                let about = format!("{} for {customer}", license.tier());
                block(license.id().to_string(), about, license.issued_at())
            };
            verified.licenses().iter().map(to_block).collect()
        }
        TokenKind::Validation => {
            let validations = verified.validations().iter();
            validations
                .map(|validation| {
                    let (status, license) = (validation.status(), validation.license_id());
                    let about = format!("{status} for license {license}");
                    block(
                        validation.id().to_owned(),
                        about,
                        Some(validation.issued_at()),
                    )
                })
                .collect()
        }
        TokenKind::Activation => {
            let activations = verified.activations().iter();
            activations
                .map(|activation| {
                    let machine = digest_of(activation.machine());
                    let about = format!("license {} on {machine}", activation.license_id());
                    block(
                        activation.id().to_string(),
                        about,
                        Some(activation.issued_at()),
                    )
                })
                .collect()
        }
        TokenKind::Revocations => {
            let lists = verified.revocations().iter();
            lists
                .map(|list| {
                    let key = list.key_id().as_str().to_owned();
                    let about = format!("list {} of key {key}, {} revoked", list.seq(), list.len());
                    let about = format!("{about}, for {}", list.product());
                    let product = list.product().as_str().to_owned();
                    VerifiedBlock {
                        list: Some((key, product, list.seq())),
                        ..block(list.seq().to_string(), about, Some(list.issued_at()))
                    }
                })
                .collect()
        }
        TokenKind::ClockRepair => {
            let repairs = verified.clock_repairs().iter();
            repairs
                .map(|repair| {
                    let machine = digest_of(repair.machine());
                    let about = format!("to {} on {machine}", rfc3339(repair.issued_at()));
                    block(repair.id().to_string(), about, Some(repair.issued_at()))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn describe_statement(statement: &TrustStatement) -> String {
    let signer = statement.signer();
    match statement.countersigner() {
        Some(successor) => format!("key {signer} is retired, its successor is {successor}"),
        None => {
            let keys = statement.introduces().map(|key| key.id().to_string());
            let keys: Vec<_> = keys.collect();
            format!("key {signer} introduces {}", keys.join(", "))
        }
    }
}

fn print(
    blocks: &[VerifiedBlock],
    text: &str,
    path: Option<String>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let to_json = |block: &VerifiedBlock| {
            json!({
                "kind": block.kind.label(),
                "id": block.id,
                "about": block.about,
                "issued_at": block.issued_at.map(|at| rfc3339(at).to_string()),
            })
        };
        let blocks: Vec<Value> = blocks.iter().map(to_json).collect();
        return terminal.json(&json!({
            "blocks": blocks,
            "path": path,
            "bundle": path.is_none().then_some(text),
        }));
    }
    let lines = blocks.iter();
    let lines = lines.map(|block| {
        let width = ABOUT_INDENT - 1;
        format!("{:width$} {}", block.kind.label(), block.about)
    });
    let lines: Vec<_> = lines.collect();
    let lines = lines.join("\n");
    if let Some(path) = path {
        return terminal.lines(&format!("wrote {path}\n{lines}"), ABOUT_INDENT);
    }
    terminal.note(&lines);
    Ok(())
}

fn not_bundled(source: &Source, error: &VerifiedLicensesError) -> Failure {
    let code = error.code();
    let hint = match error {
        _ if matches!(code, Code::UntrustedKey | Code::BadSignature) => UNTRUSTED_HINT,
        VerifiedLicensesError::NoLicense => "add the license file of the validation token",
        VerifiedLicensesError::Parse(ParseError::PrivateKey) => {
            "omit the private key, which must not be sent to a customer"
        }
        _ => "use files as they were issued; `keygen ledger resend ID --out FILE` writes one again",
    };
    let message = format!("{source}: {}", with_causes(error));
    Failure::new(Exit::Indeterminate, code.as_str(), message).hint(hint)
}

fn license_key(source: &Source) -> Failure {
    Failure::usage(format!(
        "{source}: expected blocks of a license file, found a license key"
    ))
    .hint("send an enterprise key separately, because it is installed by itself")
}

fn unknown_kind(source: &Source) -> Failure {
    Failure::new(
        Exit::Indeterminate,
        Code::UnsupportedVersion.as_str(),
        format!("{source}: a block has a kind that this version does not support"),
    )
    .hint("use a newer version of this program, or omit the file")
}

fn too_large(error: &VerifiedLicensesError) -> Failure {
    let reason = with_causes(error);
    Failure::usage(format!("the bundle would be invalid: {reason}"))
        .hint("create several bundles; each can have 256 KiB in addition to revocation lists")
}
