//! `license install`, `license activate` and `license restore`.

mod notes;

use license_cli_support::{Exit, Failure, Terminal, show_path};
use license_client::{
    Candidate, InstallReport, Installation, InstallationError, Moment, Replace, ReplacedLicense,
    StateFile,
};
use license_core::license::{Rotation, VerifiedLicensesError};
use license_core::{Code, Context, License, TrustSet, VerifiedLicenses};
use serde_json::{Value, json};

use self::notes::{OtherLicenses, note_dry_run, note_installed, note_other_licenses};
use crate::args::{ContextArgs, Install, Restore};
use crate::context::{AppContext, Evaluation, LicenseInput};
use crate::embedded::command;
use crate::output::notice::{self, Notice};
use crate::output::trust_statements::StatementsReport;
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

/// Installs a file that a server has sent, and prints the decision on the installed license.
///
/// # Errors
///
/// Returns a failure if the file does not verify or cannot be installed.
#[cfg(feature = "online")]
pub(super) fn install_from_server(
    app: &AppContext,
    arguments: &Install,
    input: &LicenseInput,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let candidate = VerifiedCandidate::new(app, arguments, input)?;
    install_input(app, arguments, input, candidate, terminal)
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
        Failure::new(Exit::Denied, Code::NoLicense.as_str(), message).hint(nothing_to_restore(app))
    })?;
    let candidate = VerifiedCandidate {
        verified,
        roots: trust,
        statements: StatementsReport::default(),
    };
    let options = InstallOptions {
        args: &arguments.context,
        replace: replace(arguments.force),
        is_dry_run: false,
        ignored: None,
    };
    install(app, options, candidate, terminal)
}

/// Returns what to do if no license of this user is kept.
fn nothing_to_restore(app: &AppContext) -> &'static str {
    let system = app.manager.readable_paths().system();
    let is_kept = system.is_some_and(|system| {
        let kept = system.dir().file(StateFile::ReplacedLicense);
        kept.exists()
    });
    if is_kept && !app.is_for_all_users {
        return concat!(
            "a license for all users was replaced; root restores it with ",
            command!("restore --system")
        );
    }
    concat!(command!("status"), " shows the installed license")
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
        return Err(Failure::malformed(message).hint(concat!(
            "use ",
            command!("install FILE"),
            " for licenses, validation tokens and revocation lists; send the output of ",
            command!("request"),
            " to the vendor for an answer"
        )));
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
    let options = InstallOptions {
        args: &arguments.context,
        replace: replace(arguments.force),
        is_dry_run: arguments.dry_run,
        ignored: app.ignored_statements(input),
    };
    install(app, options, candidate, terminal)
}

/// How a verified file is installed.
struct InstallOptions<'a> {
    args: &'a ContextArgs,
    replace: Replace,
    is_dry_run: bool,
    /// The notice about trust statements that are ignored.
    ignored: Option<Notice>,
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
    options: InstallOptions<'_>,
    candidate: VerifiedCandidate,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let InstallOptions {
        args,
        replace,
        is_dry_run,
        ignored,
    } = options;
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
    if is_dry_run {
        let checked = app
            .manager
            .check_install(&candidate, &context, replace, moment);
        let checked = checked.map_err(|error| refused(app, &error))?;
        let (now, is_license) = (context.clock(), !verified.licenses().is_empty());
        note_dry_run(app, &checked, &before, &verified, terminal);
        let mut notices: Vec<_> = checked.problems.iter().map(Notice::state).collect();
        notices.extend(ignored);
        notices.extend(loss_notice(&checked));
        if !is_license {
            return artifacts::print(&verified, &statements, now, notices, terminal);
        }
        // The installed licenses stay in effect until the new one starts.
        let mut evaluation = match checked.begins {
            Some(_) => joined(app, args, &verified)?,
            None => new,
        };
        evaluation.notices = notices;
        evaluation.statements = statements;
        evaluation.installed = Some(report_to_json(&checked, true));
        return print(&evaluation, terminal);
    }
    let installed = app.manager.install(&candidate, &context, replace, moment);
    let installed = installed.map_err(|error| refused(app, &error))?;
    let after = own_licenses(app);
    note_installed(app, &installed, &verified, terminal);
    if !verified.licenses().is_empty() {
        let others = OtherLicenses {
            before: &before,
            after: &after,
            kept_before: &kept_before,
            kept: &kept_licenses(app),
            needs_force: is_kept_license_worse(app, &context, moment),
        };
        let now = context.clock();
        note_other_licenses(app, &installed, now, &verified, &others, terminal);
        others.note_forgotten(app, now, terminal);
    }
    let mut evaluation = app.installed(args)?;
    let problems = installed.problems.iter().map(Notice::state);
    notice::add_missing(&mut evaluation.notices, problems);
    evaluation.notices.extend(ignored);
    evaluation.notices.extend(loss_notice(&installed));
    evaluation.notices.extend(unreadable_directory(app));
    if evaluation.verified.is_none() {
        // Revocation lists and trust statements can be installed without a license.
        let (now, notices) = (context.clock(), evaluation.notices);
        return artifacts::print(&verified, &statements, now, notices, terminal);
    }
    evaluation.statements = statements;
    evaluation.installed = Some(report_to_json(&installed, false));
    print(&evaluation, terminal)
}

/// Prints the decision on the installed license, and returns the exit code. A license that lacks
/// only its floating seat is installed as it should be: a program acquires the seat later.
fn print(evaluation: &Evaluation<'_>, terminal: &Terminal) -> Result<Exit, Failure> {
    let exit = evaluation.print(terminal)?;
    if evaluation.decide().code() != Code::SeatRequired {
        return Ok(exit);
    }
    terminal.note("the license is complete; only a floating seat is missing");
    Ok(Exit::Success)
}

/// Returns the evaluation of the installed licenses with the new ones.
fn joined<'a>(
    app: &'a AppContext,
    args: &'a ContextArgs,
    new: &VerifiedLicenses,
) -> Result<Evaluation<'a>, Failure> {
    let installed = app.observed(args)?;
    let mut all = new.clone();
    let verified = installed.verified.iter();
    verified.for_each(|installed| all.extend(installed));
    let mut evaluation = Evaluation::new(app, Some(all), args)?;
    evaluation.high_water = installed.high_water;
    evaluation.installation = installed.installation;
    Ok(evaluation)
}

/// Returns the notice about what the new license does not allow.
fn loss_notice(report: &InstallReport) -> Option<Notice> {
    let loss = report.loss.as_ref()?;
    Some(Notice::loss(loss, report.begins))
}

/// Returns the failure of an installation.
fn refused(app: &AppContext, error: &InstallationError) -> Failure {
    let failure = failure::installation(error);
    match error {
        InstallationError::Loss(_) if app.is_for_all_users => failure.hint(concat!(
            "--force replaces the installed license; ",
            command!("restore --system"),
            " then restores the replaced license, or the license that an earlier installation replaced if that one allows more"
        )),
        _ => failure,
    }
}

/// Returns the members of an installation in the JSON object.
fn report_to_json(installed: &InstallReport, is_dry_run: bool) -> Value {
    json!({
        "blocks": installed.blocks,
        "path": show_path(&installed.path),
        "dry_run": is_dry_run,
    })
}

/// Returns a notice if the directory of the administrator exists without access for other users.
#[cfg(unix)]
fn unreadable_directory(app: &AppContext) -> Option<Notice> {
    use std::os::unix::fs::MetadataExt;
    const READABLE: u32 = 0o005;
    let dir = app.manager.state_dir().filter(|_| app.is_for_all_users)?;
    let found = std::fs::metadata(dir.path()).ok()?;
    let is_readable = found.mode() & READABLE == READABLE;
    (!is_readable).then(|| Notice::unreadable_directory(dir.path(), found.mode() & 0o7777))
}

/// Returns `None`, because the access rules of Windows are those that its administrator set.
#[cfg(not(unix))]
fn unreadable_directory(_: &AppContext) -> Option<Notice> {
    None
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
        let mut rotation = app.rotation_for_installing(input, &arguments.trust)?;
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

/// Returns whether `license restore` would refuse to install the kept license.
fn is_kept_license_worse(app: &AppContext, context: &Context<'_>, moment: Moment) -> bool {
    let Ok(Some(kept)) = app.manager.replaced_license(&app.matrix) else {
        return false;
    };
    let candidate = Candidate {
        verified: &kept.verified,
        trust: &kept.trust,
        matrix: &app.matrix,
    };
    let checked = app
        .manager
        .check_install(&candidate, context, Replace::UnlessWorse, moment);
    matches!(
        checked,
        Err(InstallationError::Loss(_) | InstallationError::Worse { .. })
    )
}
