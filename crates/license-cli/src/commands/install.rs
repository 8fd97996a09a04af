//! `license install` and `license activate`.

use license_cli_support::{Exit, Failure, Terminal, escape, show_path};
use license_client::{
    Candidate, InstallReport, Installation, InstallationError, InstalledBlock, Moment, Replace,
    ReplacedLicense,
};
use license_core::chrono::{DateTime, Utc};
use license_core::license::{Rotation, VerifiedLicensesError};
use license_core::time::rfc3339;
use license_core::{Code, License, LicenseId, TokenKind, TrustSet, VerifiedLicenses};
use serde_json::json;

use crate::args::{ContextArgs, Install, Restore};
use crate::context::{AppContext, Evaluation, LicenseInput};
use crate::output::notice::{self, Notice};
use crate::output::trust_statements::{self, StatementsReport};
use crate::output::{artifacts, failure};

/// Verifies and installs a file from the vendor, and prints the decision on the installed license.
///
/// # Errors
///
/// Returns a failure if the input does not verify or cannot be installed.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Install,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let input = LicenseInput::read(&arguments.license)?;
    let candidate = VerifiedCandidate::new(app, arguments, &input)?;
    install_input(app, arguments, &input, candidate, terminal)
}

/// Restores the license that the last installation replaced, and prints the decision on it.
///
/// # Errors
///
/// Returns a failure if there is no such license, or if it does not verify or cannot be installed.
pub(crate) fn restore(
    app: &AppContext,
    arguments: &Restore,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let replaced = app.manager.replaced_license(&app.matrix);
    let replaced = replaced.map_err(|error| failure::installation(&error))?;
    let before = own_licenses(app);
    let is_installed = |license: &License| before.iter().any(|own| own.id() == license.id());
    let is_new = |found: &ReplacedLicense| !found.verified.licenses().iter().all(is_installed);
    let ReplacedLicense {
        verified, trust, ..
    } = replaced.filter(is_new).ok_or_else(|| {
        let message =
            "expected a license that an installation replaced, found none; nothing was changed";
        Failure::new(Exit::Denied, Code::NoLicense.as_str(), message)
            .hint("`license status` shows the installed license")
    })?;
    let candidate = VerifiedCandidate {
        verified,
        roots: trust,
        statements: StatementsReport::default(),
    };
    install(
        app,
        &arguments.context,
        replace(arguments.force),
        candidate,
        None,
        terminal,
    )
}

/// Installs the answer to a request of this machine. Changes nothing if the answer is installed
/// already.
///
/// # Errors
///
/// Returns a failure if the input is not an answer, or if it cannot be installed.
pub(crate) fn activate(
    app: &AppContext,
    arguments: &Install,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let input = LicenseInput::read(&arguments.license)?;
    let candidate = VerifiedCandidate::new(app, arguments, &input)?;
    let verified = &candidate.verified;
    if verified.activations().is_empty() && verified.clock_repairs().is_empty() {
        let message = format!(
            "{}: expected the answer to a request, found none",
            input.name
        );
        return Err(Failure::malformed(message).hint(
            "use `license install` for licenses, validation tokens and revocation lists; send the output of `license request` to the vendor for an answer",
        ));
    }
    install_input(app, arguments, &input, candidate, terminal)
}

fn install_input(
    app: &AppContext,
    arguments: &Install,
    input: &LicenseInput,
    candidate: VerifiedCandidate,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let checked = check_nonce(arguments, &candidate.verified);
    checked.map_err(|error| failure::installation(&error))?;
    let ignored = app.ignored_statements(input);
    install(
        app,
        &arguments.context,
        replace(arguments.force),
        candidate,
        ignored,
        terminal,
    )
}

fn replace(is_forced: bool) -> Replace {
    if is_forced {
        Replace::Always
    } else {
        Replace::UnlessWorse
    }
}

fn install(
    app: &AppContext,
    args: &ContextArgs,
    replace: Replace,
    candidate: VerifiedCandidate,
    ignored: Option<Notice>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let VerifiedCandidate {
        verified,
        roots,
        statements,
    } = candidate;
    let before = own_licenses(app);
    let kept_before = kept_licenses(app);
    let new = Evaluation::comparable_with(app, Some(verified.clone()), args, &before)?;
    let context = new.context();
    let candidate = Candidate {
        verified: &verified,
        trust: &roots,
        matrix: &app.matrix,
    };
    let moment = match args.at {
        None => Moment::Now,
        Some(_) => Moment::Hypothetical,
    };
    let installed = app.manager.install(&candidate, &context, replace, moment);
    let installed = installed.map_err(|error| failure::installation(&error))?;
    let after = own_licenses(app);
    note_installed(&installed, &verified, terminal);
    if !verified.licenses().is_empty() {
        let others = OtherLicenses {
            before: &before,
            after: &after,
            kept_before: &kept_before,
            kept: &kept_licenses(app),
        };
        note_other_licenses(&installed, context.clock(), &verified, &others, terminal);
        others.note_forgotten(terminal);
    }
    let mut evaluation = app.installed(args)?;
    let problems = installed.problems.iter().map(Notice::state);
    notice::add_missing(&mut evaluation.notices, problems);
    evaluation.notices.extend(ignored);
    evaluation
        .notices
        .extend(installed.loss.as_ref().map(Notice::loss));
    if evaluation.verified.is_none() {
        // Revocation lists and trust statements can be installed without a license.
        let (now, notices) = (context.clock(), evaluation.notices);
        return artifacts::print(&verified, &statements, now, notices, terminal);
    }
    evaluation.statements = statements;
    evaluation.blocks = Some(json!(installed.blocks));
    evaluation.print(terminal)
}

/// The verified input, and the keys that verified it.
///
/// A license is verified with the embedded keys, else with the given keys, else with the installed
/// keys. An input without a license is also verified with the keys of the installed license.
struct VerifiedCandidate {
    verified: VerifiedLicenses,
    /// The keys that are trusted without a trust statement.
    roots: TrustSet,
    statements: StatementsReport,
}

impl VerifiedCandidate {
    fn new(app: &AppContext, arguments: &Install, input: &LicenseInput) -> Result<Self, Failure> {
        let mut rotation = app.rotation_for_installing(&arguments.trust)?;
        let mut statements = app.apply_statements(input, &mut rotation)?;
        let invalid = |error| failure::verification(&input.name, &error);
        let with = |verified, rotation: &Rotation, statements| Self {
            verified,
            roots: rotation.roots().clone(),
            statements,
        };
        match VerifiedLicenses::verify(&input.text, rotation.keys(), &app.matrix) {
            Err(VerifiedLicensesError::NoLicense) => {}
            verified => return Ok(with(verified.map_err(invalid)?, &rotation, statements)),
        }
        // Revocation lists and trust statements need no license.
        let alone =
            VerifiedLicenses::verify_with_licenses(&input.text, rotation.keys(), &app.matrix, &[]);
        if let Ok(alone) = alone {
            return Ok(with(alone, &rotation, statements));
        }
        let paths = app.manager.paths().map_err(failure::home)?;
        if app.manager.trust().is_none()
            && let Ok(Some(installed)) = Installation::rotation(paths)
        {
            let roots = rotation.roots().joined(installed.roots());
            rotation = Installation::rotate(paths, roots);
            statements = app.apply_statements(input, &mut rotation)?;
        }
        let installed = Installation::load(paths, rotation.keys(), &app.matrix);
        let installed = installed
            .and_then(|installed| installed.ok_or(InstallationError::NoLicense))
            .map_err(|error| failure::installation(&error))?;
        let licenses = installed.verified().licenses();
        let verified = VerifiedLicenses::verify_with_licenses(
            &input.text,
            rotation.keys(),
            &app.matrix,
            licenses,
        );
        Ok(with(verified.map_err(invalid)?, &rotation, statements))
    }
}

fn check_nonce(arguments: &Install, verified: &VerifiedLicenses) -> Result<(), InstallationError> {
    let Some(nonce) = arguments.nonce.as_deref() else {
        return Ok(());
    };
    let mut validations = verified.validations().iter();
    let has_validations = !verified.validations().is_empty();
    if has_validations && validations.all(|validation| validation.nonce() == Some(nonce)) {
        Ok(())
    } else {
        Err(InstallationError::OtherNonce)
    }
}

/// Returns the licenses of this user. Those of the administrator are not replaced.
fn own_licenses(app: &AppContext) -> Vec<License> {
    let own = app.manager.paths().map(|paths| paths.user().dir().clone());
    let own = own.map(|dir| match app.manager.trust() {
        Some(keys) => Installation::load(&dir.into(), keys, &app.matrix),
        None => Installation::open(&dir.into(), &app.matrix),
    });
    match own {
        Ok(Ok(Some(installed))) => installed.verified().licenses().to_vec(),
        _ => Vec::new(),
    }
}

/// Returns the licenses that `license restore` would install.
fn kept_licenses(app: &AppContext) -> Vec<License> {
    let kept = app.manager.replaced_license(&app.matrix).ok().flatten();
    kept.map_or_else(Vec::new, |kept| kept.verified.licenses().to_vec())
}

fn note_installed(installed: &InstallReport, verified: &VerifiedLicenses, terminal: &Terminal) {
    trust_statements::note_installed(&installed.statements, terminal);
    artifacts::note_installed(&installed.lists, terminal);
    let is_license = !verified.licenses().is_empty();
    if !verified.validations().is_empty() && !is_license && installed.is_old {
        terminal
            .note("this validation token is not newer than the installed one; nothing was changed");
    } else if is_license || !verified.validations().is_empty() {
        terminal.note(&format!("installed as {}", show_path(&installed.path)));
    }
    note_answers(installed, verified, terminal);
    if installed.clock_repaired {
        terminal.note("the clock was ahead before; this file lowered the clock high-water mark");
    }
    if let blocks @ [_, _, ..] = installed.blocks.as_slice() {
        blocks
            .iter()
            .for_each(|block| terminal.note(&block_line(block)));
    }
}

fn note_answers(installed: &InstallReport, verified: &VerifiedLicenses, terminal: &Terminal) {
    let is_new = |id: &str| {
        let mut blocks = installed.blocks.iter();
        blocks.any(|block| block.id == id && block.is_new)
    };
    for answer in verified.activations() {
        let license = answer.license_id();
        terminal.note(&if is_new(answer.id().as_str()) {
            format!("license {license} is activated for this machine")
        } else {
            format!("license {license} is already activated by this answer; nothing was changed")
        });
    }
    for repair in verified.clock_repairs() {
        let at = repair.issued_at();
        terminal.note(&format!(
            "the clock high-water mark is set to {}, the issue date of the clock repair",
            rfc3339(at)
        ));
    }
}

/// Describes a block and the result of installing it.
fn block_line(block: &InstalledBlock) -> String {
    let what = match block.kind {
        TokenKind::License => "license",
        TokenKind::Validation => "validation token",
        TokenKind::Revocations => "revocation list",
        TokenKind::Activation => "activation",
        TokenKind::ClockRepair => "clock repair",
        TokenKind::TrustStatement => "trust statement",
        _ => "block",
    };
    let effect = if block.is_new {
        "installed"
    } else {
        "already installed, or older than the installed one"
    };
    format!("  {what} {}: {effect}", escape(&block.id))
}

/// The licenses that were installed before, those that are installed now, and those that could be
/// restored before and can be restored now.
struct OtherLicenses<'l> {
    before: &'l [License],
    after: &'l [License],
    kept_before: &'l [License],
    kept: &'l [License],
}

impl OtherLicenses<'_> {
    fn is_superseded(&self, license: &License) -> bool {
        let mut all = self.after.iter().chain(self.before);
        all.any(|other| other.supersedes().contains(license.id()))
    }

    /// Prints a note about each license that could be restored before, and is no longer kept.
    fn note_forgotten(&self, terminal: &Terminal) {
        let is_there = |license: &&License| {
            let mut there = self.after.iter().chain(self.kept);
            there.any(|other| other.id() == license.id())
        };
        let kept_before = self.kept_before.iter();
        for license in kept_before.filter(|license| !is_there(license)) {
            if !self.is_superseded(license) {
                let (tier, customer) = (license.tier(), escape(license.customer()));
                terminal.note(&format!(
                    "the {tier} license of {customer} that was replaced earlier can no longer be \
                     restored"
                ));
            }
        }
    }
}

/// Prints notes about the licenses that were installed before.
fn note_other_licenses(
    installed: &InstallReport,
    now: DateTime<Utc>,
    verified: &VerifiedLicenses,
    others: &OtherLicenses<'_>,
    terminal: &Terminal,
) {
    let is_in =
        |licenses: &[License], id: &LicenseId| licenses.iter().any(|license| license.id() == id);
    let start = |license: &License| license.not_before();
    let is_new_start = |begins: &DateTime<Utc>| {
        let mut new = verified.licenses().iter().filter_map(start);
        new.any(|start| start == *begins)
    };
    if let Some(begins) = installed.begins.filter(is_new_start) {
        terminal.note(&format!(
            "the new license starts at {}; the current license stays installed until then",
            rfc3339(begins)
        ));
    }
    for license in others.before {
        if is_in(verified.licenses(), license.id()) {
            continue;
        }
        let (tier, customer) = (license.tier(), escape(license.customer()));
        match start(license).filter(|start| *start > now) {
            _ if !is_in(others.after, license.id()) => {
                let undo = if is_in(others.kept, license.id()) {
                    "; `license restore` restores it"
                } else if others.is_superseded(license) {
                    ""
                } else {
                    "; it cannot be restored"
                };
                terminal.note(&format!(
                    "the {tier} license of {customer} is replaced{undo}"
                ));
            }
            Some(start) => terminal.note(&format!(
                "the {tier} license of {customer} that starts at {} stays installed",
                rfc3339(start)
            )),
            None => {}
        }
    }
}
