//! `license install` and `license activate`.

use license_client::{
    Candidate, Installation, InstallationError, Installed, InstalledBlock, Moment, Replace,
};
use license_core::{
    Activation, Bundle, BundleError, License, LicenseId, Rotation, Timestamp, TokenKind, TrustSet,
};
use license_terminal::{Exit, Failure, Terminal, escape, show_path};
use serde_json::{Value, json};

use super::lists;
use super::trust_statements::{self, Told};
use crate::cli::Install;
use crate::subject::{Case, Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Install, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let verified = Verified::of(site, arguments, &given)?;
    install(site, arguments, &given, verified, terminal)
}

/// The same for what has to be an answer, and one that was not taken yet.
pub(crate) fn activate(
    site: &Site,
    arguments: &Install,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let verified = Verified::of(site, arguments, &given)?;
    let bundle = &verified.bundle;
    if bundle.activations().is_empty() && bundle.clock_repairs().is_empty() {
        let message = format!(
            "{}: expected the answer to a request, found none in it",
            given.name
        );
        return Err(Failure::malformed(message).hint(
            "`license install` takes licenses, check-ins and lists; `license request` makes what the vendor answers",
        ));
    }
    if let Some(answer) = held(site, bundle) {
        let id = answer.id();
        let message =
            format!("REPLAYED: activation {id} is in use here already; nothing was changed");
        return Err(Failure::new(Exit::Unjudged, "REPLAYED", message)
            .hint("there is nothing to do; `license status` tells what holds"));
    }
    install(site, arguments, &given, verified, terminal)
}

/// An activation of these that this machine holds already.
fn held<'b>(site: &Site, bundle: &'b Bundle) -> Option<&'b Activation> {
    let snapshot = site.host.inspect(&site.matrix);
    let found = snapshot.installation.ok().flatten()?;
    let held = found.bundle().activations();
    let mut answers = bundle.activations().iter();
    answers.find(|answer| held.iter().any(|held| held.id() == answer.id()))
}

fn install(
    site: &Site,
    arguments: &Install,
    given: &Given,
    verified: Verified,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let Verified {
        bundle,
        roots,
        statements,
    } = verified;
    let refused = |error| failure::not_installed(&error);
    check_nonce(arguments, &bundle).map_err(refused)?;
    let before = own_licenses(site);
    let new = Case::beside(site, Some(bundle.clone()), &arguments.context, &before)?;
    let candidate = Candidate {
        bundle: &bundle,
        trust: &roots,
        matrix: &site.matrix,
    };
    let replace = match arguments.force {
        true => Replace::Always,
        false => Replace::UnlessWorse,
    };
    let moment = match arguments.context.at {
        None => Moment::Now,
        Some(_) => Moment::Imagined,
    };
    let installed = site
        .host
        .install(&candidate, &new.context(), replace, moment)
        .map_err(refused)?;
    let after = own_licenses(site);
    tell(&installed, &bundle, terminal);
    if !bundle.licenses().is_empty() {
        let (now, licenses) = (new.context().clock(), (&before[..], &after[..]));
        tell_of_others(installed.begins, now, &bundle, licenses, terminal);
    }
    let mut case = site.installed(&arguments.context)?;
    let problems = installed.problems.iter().map(report::Notice::of_state);
    report::add(&mut case.notices, problems);
    case.notices
        .extend(trust_statements::ignored_by(site, given));
    if case.bundle.is_none() {
        // Lists and trust statements ask for no license.
        return lists::tell(
            &bundle,
            &statements,
            &arguments.context,
            case.notices,
            terminal,
        );
    }
    case.statements = statements;
    case.blocks = Some(installed.blocks.iter().map(to_json).collect());
    let decision = case.decide();
    report::decision(&decision, &case, arguments.context.strict, terminal)
}

/// What was given, and the keys that it was verified with: those embedded, else for a license those given, else those installed; for what
/// comes without one those of the license too.
struct Verified {
    bundle: Bundle,
    /// The keys before any trust statement.
    roots: TrustSet,
    statements: Told,
}

impl Verified {
    fn of(site: &Site, arguments: &Install, given: &Given) -> Result<Self, Failure> {
        let mut rotation = site.rotation_here(&arguments.trust)?;
        let mut statements = trust_statements::apply(site, given, &mut rotation)?;
        let not_judged = |error| failure::not_judged(&given.name, &error);
        let with = |bundle, rotation: &Rotation, statements| Self {
            bundle,
            roots: rotation.roots().clone(),
            statements,
        };
        match Bundle::verify(&given.text, rotation.keys(), &site.matrix) {
            Err(BundleError::NoLicense) => {}
            bundle => return Ok(with(bundle.map_err(not_judged)?, &rotation, statements)),
        }
        // Lists and trust statements alone are for no license in particular.
        let alone = Bundle::verify_beside(&given.text, rotation.keys(), &site.matrix, &[]);
        if let Ok(alone) = alone {
            return Ok(with(alone, &rotation, statements));
        }
        let home = site.host.home().map_err(failure::no_home)?;
        if site.host.trust().is_none()
            && let Ok(Some(installed)) = Installation::rotation(home)
        {
            let roots = rotation.roots().joined(installed.roots());
            rotation = Installation::rotation_of(home, roots);
            statements = trust_statements::apply(site, given, &mut rotation)?;
        }
        let installed = Installation::load(home, rotation.keys(), &site.matrix);
        let installed = installed
            .and_then(|installed| installed.ok_or(InstallationError::NoLicenseYet))
            .map_err(|error| failure::not_installed(&error))?;
        let licenses = installed.bundle().licenses();
        let bundle = Bundle::verify_beside(&given.text, rotation.keys(), &site.matrix, licenses);
        Ok(with(bundle.map_err(not_judged)?, &rotation, statements))
    }
}

fn check_nonce(arguments: &Install, bundle: &Bundle) -> Result<(), InstallationError> {
    let Some(nonce) = arguments.nonce.as_deref() else {
        return Ok(());
    };
    let mut validations = bundle.validations().iter();
    let is_asked = !bundle.validations().is_empty();
    match is_asked && validations.all(|said| said.nonce() == Some(nonce)) {
        true => Ok(()),
        false => Err(InstallationError::OtherNonce),
    }
}

/// The user's own, for what is the administrator's is not replaced.
fn own_licenses(site: &Site) -> Vec<License> {
    let own = site.host.home().map(|home| home.user().dir().clone());
    let own = own.map(|dir| match site.host.trust() {
        Some(keys) => Installation::load(&dir.into(), keys, &site.matrix),
        None => Installation::open(&dir.into(), &site.matrix),
    });
    match own {
        Ok(Ok(Some(installed))) => installed.bundle().licenses().to_vec(),
        _ => Vec::new(),
    }
}

fn tell(installed: &Installed, bundle: &Bundle, terminal: &Terminal) {
    trust_statements::note_installed(&installed.statements, terminal);
    lists::note_installed(&installed.lists, terminal);
    let is_license = !bundle.licenses().is_empty();
    if !bundle.validations().is_empty() && !is_license && installed.is_old {
        terminal.note("this check-in is not newer than the one installed; nothing was changed");
    } else if is_license || !bundle.validations().is_empty() {
        terminal.note(&format!("installed as {}", show_path(&installed.path)));
    }
    tell_answers(installed, bundle, terminal);
    if installed.clock_repaired {
        terminal.note("the clock had been ahead; time counts from this artefact on again");
    }
    if let blocks @ [_, _, ..] = installed.blocks.as_slice() {
        blocks.iter().for_each(|block| terminal.note(&line(block)));
    }
}

fn tell_answers(installed: &Installed, bundle: &Bundle, terminal: &Terminal) {
    let is_news = |id: &str| {
        let mut blocks = installed.blocks.iter();
        blocks.any(|block| block.id == id && block.is_news)
    };
    for answer in bundle.activations() {
        let license = answer.license_id();
        terminal.note(&match is_news(answer.id().as_str()) {
            true => format!("license {license} is activated for this machine"),
            false => format!("license {license} was activated by this answer already"),
        });
    }
    for repair in bundle.clock_repairs() {
        let at = repair.issued_at();
        terminal.note(&format!(
            "time counts from {at} on again, when the vendor signed this"
        ));
    }
}

fn to_json(block: &InstalledBlock) -> Value {
    let InstalledBlock { kind, id, is_news } = block;
    json!({ "kind": kind.label(), "id": id, "taken": is_news })
}

/// A block of several, and what became of it.
fn line(block: &InstalledBlock) -> String {
    let what = match block.kind {
        TokenKind::License => "license",
        TokenKind::Validation => "validation token",
        TokenKind::Revocations => "revocation list",
        TokenKind::Activation => "activation",
        TokenKind::ClockRepair => "clock repair",
        TokenKind::TrustStatement => "trust statement",
        _ => "block",
    };
    let effect = match block.is_news {
        true => "taken",
        false => "was here already, or is older than what is",
    };
    format!("  {what} {}: {effect}", escape(&block.id))
}

/// What becomes of the licenses that were installed.
fn tell_of_others(
    begins: Option<Timestamp>,
    now: Timestamp,
    bundle: &Bundle,
    (before, after): (&[License], &[License]),
    terminal: &Terminal,
) {
    let is_in = |licenses: &[License], id: &LicenseId| licenses.iter().any(|one| one.id() == id);
    let start = |license: &License| license.not_before();
    let is_of_new = |begins: &Timestamp| {
        let mut new = bundle.licenses().iter().filter_map(start);
        new.any(|start| start == *begins)
    };
    if let Some(begins) = begins.filter(is_of_new) {
        terminal.note(&format!(
            "it begins at {begins}; what was installed goes on until then"
        ));
    }
    for license in before {
        if is_in(bundle.licenses(), license.id()) {
            continue;
        }
        let (tier, customer) = (license.tier(), escape(license.customer()));
        match start(license).filter(|start| *start > now) {
            _ if !is_in(after, license.id()) => {
                terminal.note(&format!("it replaces the {tier} license of {customer}"));
            }
            Some(start) => terminal.note(&format!(
                "the {tier} license of {customer} that begins at {start} stays beside it"
            )),
            None => {}
        }
    }
}
