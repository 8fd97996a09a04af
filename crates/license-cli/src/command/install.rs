//! `license install`.

use license_client::{Candidate, Installation, InstallationError, Installed, Moment, Replace};
use license_core::{Bundle, BundleError, License, LicenseId, Timestamp, TrustSet};
use license_terminal::{Exit, Failure, Terminal, escape, show_path};

use super::lists;
use crate::cli::Install;
use crate::subject::{Case, Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Install, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let (bundle, trust) = verified(site, arguments, &given)?;
    let refused = |error| failure::not_installed(&error);
    check_nonce(arguments, &bundle).map_err(refused)?;
    let before = own_licenses(site);
    let new = Case::beside(site, Some(bundle.clone()), &arguments.context, &before)?;
    let candidate = Candidate {
        bundle: &bundle,
        trust: &trust,
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
    if case.bundle.is_none() {
        // A list asks for no license.
        return lists::tell(
            bundle.revocations(),
            &arguments.context,
            case.notices,
            terminal,
        );
    }
    let decision = case.decide();
    report::decision(&decision, &case, arguments.context.strict, terminal)
}

/// What was given, and the keys that it was verified with: those embedded, else for a license those given, else those installed; for a
/// validation token those of the license too.
fn verified(
    site: &Site,
    arguments: &Install,
    given: &Given,
) -> Result<(Bundle, TrustSet), Failure> {
    let mut trust = site.trust(&arguments.trust)?;
    let not_judged = |error| failure::not_judged(&given.name, &error);
    match Bundle::verify(&given.text, &trust, &site.matrix) {
        Err(BundleError::NoLicense) => {}
        bundle => return bundle.map(|bundle| (bundle, trust)).map_err(not_judged),
    }
    // Lists alone are for no license in particular.
    if let Ok(lists) = Bundle::verify_beside(&given.text, &trust, &site.matrix, &[]) {
        return Ok((lists, trust));
    }
    let home = site.host.home().map_err(failure::no_home)?;
    if site.host.trust().is_none()
        && let Ok(Some(keys)) = Installation::trust(home)
    {
        trust = trust.joined(&keys);
    }
    let installed = Installation::load(home, &trust, &site.matrix);
    let installed = installed
        .and_then(|installed| installed.ok_or(InstallationError::NoLicenseYet))
        .map_err(|error| failure::not_installed(&error))?;
    let licenses = installed.bundle().licenses();
    let bundle = Bundle::verify_beside(&given.text, &trust, &site.matrix, licenses);
    bundle.map(|bundle| (bundle, trust)).map_err(not_judged)
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
    lists::note_installed(&installed.lists, terminal);
    let is_only_lists = bundle.licenses().is_empty() && bundle.validations().is_empty();
    if is_only_lists {
        // There is no more to say.
    } else if installed.is_old {
        terminal.note("this check-in is not newer than the one installed; nothing was changed");
    } else {
        terminal.note(&format!("installed as {}", show_path(&installed.path)));
    }
    if installed.clock_repaired {
        terminal.note("the clock had been ahead; time counts from this artefact on again");
    }
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
