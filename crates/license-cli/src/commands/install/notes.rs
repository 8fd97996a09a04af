//! Notes of an installation: what was installed, and what became of the other licenses.

use license_cli_support::{Terminal, escape, show_path};
use license_client::{InstallReport, InstalledBlock};
use license_core::chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use license_core::{License, LicenseId, TokenKind, VerifiedLicenses};

use crate::context::AppContext;
use crate::embedded::command;
use crate::output::{artifacts, labels, trust_statements};

/// Prints what the installation would do.
pub(super) fn note_dry_run(
    app: &AppContext,
    checked: &InstallReport,
    before: &[License],
    verified: &VerifiedLicenses,
    terminal: &Terminal,
) {
    terminal.note(&format!(
        "dry run: nothing was changed; the file would be installed as {}",
        show_path(&checked.path)
    ));
    let is_replaced = |license: &&License| checked.replaced.as_ref() == Some(license.id());
    if let Some(replaced) = before.iter().find(is_replaced) {
        let tier = labels::tier(replaced, &app.matrix);
        let customer = escape(replaced.customer());
        terminal.note(&format!(
            "the {tier} license of {customer} would be replaced, and could be restored"
        ));
    }
    if let Some(begins) = checked.begins.filter(|_| !verified.licenses().is_empty()) {
        terminal.note(&format!(
            "the new license would be stored with the current one, which stays in effect until {}",
            rfc3339(begins)
        ));
    }
}

/// Prints what was installed.
pub(super) fn note_installed(
    app: &AppContext,
    installed: &InstallReport,
    verified: &VerifiedLicenses,
    terminal: &Terminal,
) {
    trust_statements::note_installed(&installed.statements, terminal);
    artifacts::note_installed(&installed.lists, terminal);
    let is_license = !verified.licenses().is_empty();
    if !verified.validations().is_empty() && !is_license && installed.is_old {
        terminal
            .note("this validation token is not newer than the installed one; nothing was changed");
    } else if is_license || !verified.validations().is_empty() {
        terminal.note(&format!("installed as {}", show_path(&installed.path)));
    }
    note_answers(app, installed, verified, terminal);
    if installed.clock_repaired {
        terminal.note("the clock was ahead before; this file lowered the clock high-water mark");
    }
    if let blocks @ [_, _, ..] = installed.blocks.as_slice() {
        blocks
            .iter()
            .for_each(|block| terminal.note(&block_line(block)));
    }
}

fn note_answers(
    app: &AppContext,
    installed: &InstallReport,
    verified: &VerifiedLicenses,
    terminal: &Terminal,
) {
    let users = if app.is_for_all_users {
        "all users of this machine"
    } else {
        "this user on this machine"
    };
    let is_new = |id: &str| {
        let mut blocks = installed.blocks.iter();
        blocks.any(|block| block.id == id && block.is_new)
    };
    for answer in verified.activations() {
        let license = answer.license_id();
        terminal.note(&if is_new(answer.id().as_str()) {
            format!("license {license} is activated for {users}")
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
pub(super) struct OtherLicenses<'l> {
    pub(super) before: &'l [License],
    pub(super) after: &'l [License],
    pub(super) kept_before: &'l [License],
    pub(super) kept: &'l [License],
    /// Whether the license that is kept now allows less than the installed one, so that only
    /// `--force` restores it.
    pub(super) needs_force: bool,
}

impl OtherLicenses<'_> {
    fn is_superseded(&self, license: &License) -> bool {
        let mut all = self.after.iter().chain(self.before);
        all.any(|other| other.supersedes().contains(license.id()))
    }

    /// Prints a note about each license that could be restored before, and is no longer kept.
    pub(super) fn note_forgotten(&self, app: &AppContext, now: DateTime<Utc>, terminal: &Terminal) {
        let is_there = |license: &&License| {
            let mut there = self.after.iter().chain(self.kept);
            there.any(|other| other.id() == license.id())
        };
        let kept_before = self.kept_before.iter();
        for license in kept_before.filter(|license| !is_there(license)) {
            if !self.is_superseded(license) {
                let license = described(license, app, now);
                terminal.note(&format!(
                    "{license}, which was replaced earlier, can no longer be restored"
                ));
            }
        }
    }
}

/// Prints notes about the licenses that were installed before.
pub(super) fn note_other_licenses(
    app: &AppContext,
    installed: &InstallReport,
    now: DateTime<Utc>,
    verified: &VerifiedLicenses,
    others: &OtherLicenses<'_>,
    terminal: &Terminal,
) {
    let is_in =
        |licenses: &[License], id: &LicenseId| licenses.iter().any(|license| license.id() == id);
    let start = |license: &License| license.not_before();
    if let Some(begins) = installed.begins {
        terminal.note(&format!(
            "the new license starts at {}; the current license stays installed until then",
            rfc3339(begins)
        ));
    }
    for license in others.before {
        if is_in(verified.licenses(), license.id()) {
            continue;
        }
        let shown = described(license, app, now);
        match start(license).filter(|start| *start > now) {
            _ if !is_in(others.after, license.id()) => {
                let undo = if is_in(others.kept, license.id()) {
                    format!("; {} restores it", restore(app, others.needs_force))
                } else if others.is_superseded(license) {
                    String::new()
                } else {
                    "; it cannot be restored".to_owned()
                };
                terminal.note(&format!("{shown} is replaced{undo}"));
            }
            Some(_) => terminal.note(&format!("{shown} stays installed")),
            None => {}
        }
    }
}

/// Describes a license by its tier and customer, and by its start if the license has not started.
fn described(license: &License, app: &AppContext, now: DateTime<Utc>) -> String {
    let tier = labels::tier(license, &app.matrix);
    let customer = escape(license.customer());
    match license.not_before().filter(|start| *start > now) {
        Some(start) => format!(
            "the {tier} license of {customer} that starts at {}",
            rfc3339(start)
        ),
        None => format!("the {tier} license of {customer}"),
    }
}

/// Returns the command that restores the replaced license.
fn restore(app: &AppContext, needs_force: bool) -> &'static str {
    match (app.is_for_all_users, needs_force) {
        (false, false) => command!("restore"),
        (false, true) => command!("restore --force"),
        (true, false) => command!("restore --system"),
        (true, true) => command!("restore --system --force"),
    }
}
