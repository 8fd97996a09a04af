//! `license request` and `license deactivate`: what this machine tells its vendor, as a file, a QR code or lines to read out.

use std::path::PathBuf;

use license_client::{Asked, Asking, InstallationError, now};
use license_core::{Letter, License, LicenseId, spoken};
use license_terminal::{
    Audience, Destination, Exit, Failure, Overwrite, QrCode, Terminal, escape, show_path,
};
use serde_json::{Value, json};

use crate::cli::{Deactivate, Request, Sending};
use crate::failure;
use crate::report::{self, Notice};
use crate::subject::Site;

pub(crate) fn request(
    site: &Site,
    arguments: &Request,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let sending = &arguments.sending;
    sending.check(terminal)?;
    let made_at = arguments.at.unwrap_or_else(now);
    let asking = match arguments.new {
        true => Asking::Anew,
        false => Asking::Again,
    };
    let asked = match arguments.clock {
        true => site.host.request_clock_repair(made_at, asking),
        false => {
            let license = chosen(site, arguments.license.as_deref())?;
            site.host.request_activation(license.id(), made_at, asking)
        }
    };
    let asked = asked.map_err(refused)?;
    let answer = match arguments.clock {
        true => "keygen clock-repair",
        false => "keygen activate",
    };
    let hint = format!("send it to the vendor, who answers it with `{answer}`");
    sending.send(&asked, None, &hint, terminal)
}

pub(crate) fn deactivate(
    site: &Site,
    arguments: &Deactivate,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let sending = &arguments.sending;
    sending.check(terminal)?;
    let license = match installed(site, arguments.license.as_deref())? {
        Found::One(license) => Some(license),
        Found::None => None,
        Found::Unknown(failure) if arguments.license.is_some() => return Err(failure),
        Found::Unknown(_) => None,
    };
    let made_at = arguments.at.unwrap_or_else(now);
    let mut asked = site.host.deactivate(license.as_ref(), made_at);
    // The license in effect may be another one than the one that is activated.
    if matches!(asked, Err(InstallationError::NotActivated)) && arguments.license.is_none() {
        asked = site.host.deactivate(None, made_at);
    }
    let asked = asked.map_err(|error| match shared(site, license.as_ref(), None) {
        Some(path) if matches!(error, InstallationError::NotActivated) => {
            failure::activated_for_all(&path)
        }
        _ => refused(error),
    })?;
    let shared = shared(site, license.as_ref(), Some(&asked.letter));
    let hint = match &shared {
        None => "it holds here no more; send this to the vendor: `keygen release` frees the device"
            .to_owned(),
        Some(path) => format!(
            "ask the administrator to take the activation out of {} first; then send this to the vendor: `keygen release` frees the device",
            show_path(path)
        ),
    };
    sending.send(
        &asked,
        shared.as_deref().map(Notice::shared),
        &hint,
        terminal,
    )
}

/// The administrator's file that holds an activation of the license too, or of the one that was given up.
fn shared(site: &Site, license: Option<&License>, given_up: Option<&Letter>) -> Option<PathBuf> {
    let goes_by = |id: &LicenseId| {
        license.is_some_and(|license| license.id() == id || license.supersedes().contains(id))
    };
    site.host
        .shared_activation(&site.matrix, |id| match given_up {
            Some(Letter::Deactivation(receipt)) => {
                receipt.license == *id || (goes_by(&receipt.license) && goes_by(id))
            }
            _ => license.is_none() || goes_by(id),
        })
}

/// The license that a command is about.
enum Found {
    One(License),
    None,
    Unknown(Failure),
}

/// The installed license of this id, or the one that is in effect.
fn installed(site: &Site, id: Option<&str>) -> Result<Found, Failure> {
    let snapshot = site.host.inspect(&site.matrix);
    let found = snapshot
        .installation
        .map_err(|error| failure::not_installed(&error))?;
    let Some(found) = found else {
        return Ok(match id {
            None => Found::None,
            Some(_) => Found::Unknown(not_here(id)),
        });
    };
    let context = license_core::Context::at(now()).high_water(snapshot.mark);
    let context = match site.host.machine() {
        Some(machine) => context.machine(machine),
        None => context,
    };
    let bundle = found.bundle();
    let license = match id {
        Some(id) => {
            let mut licenses = bundle.licenses().iter();
            licenses
                .find(|license| license.id().as_str() == id)
                .cloned()
        }
        None => bundle.evaluate(&site.matrix, &context).license().cloned(),
    };
    Ok(license.map_or_else(|| Found::Unknown(not_here(id)), Found::One))
}

/// The license to activate.
fn chosen(site: &Site, id: Option<&str>) -> Result<License, Failure> {
    match installed(site, id)? {
        Found::One(license) => Ok(license),
        Found::None => {
            let message = "expected an installed license to ask for, found none";
            Err(Failure::new(Exit::Denied, "NO_LICENSE", message)
                .hint("install the license first: `license install FILE`"))
        }
        Found::Unknown(failure) => Err(failure),
    }
}

fn not_here(id: Option<&str>) -> Failure {
    let message = match id.and_then(LicenseId::parse) {
        Some(id) => format!("expected an installed license, found none of id {id}"),
        None => "--license: expected the id of an installed license, found another text".to_owned(),
    };
    Failure::new(Exit::Denied, "NO_LICENSE", message)
        .hint("`license status` shows the license that is installed, with its id")
}

fn refused(error: InstallationError) -> Failure {
    failure::not_installed(&error)
}

impl Sending {
    /// What would be refused is, before anything is asked or given up.
    fn check(&self, terminal: &Terminal) -> Result<(), Failure> {
        if self.qr {
            QrCode::check_destination(&self.out, terminal)?;
        }
        self.out.check(Overwrite::forced(self.force))
    }

    fn send(
        &self,
        asked: &Asked,
        beside: Option<Notice>,
        hint: &str,
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let mut notices: Vec<_> = beside.into_iter().collect();
        report::add(&mut notices, asked.problems.iter().map(Notice::of_state));
        let lines = spoken::lines(&asked.letter.to_bytes());
        let lines = lines.map_err(|error| Failure::malformed(error.to_string()))?;
        let drawn = self.deliver(&asked.letter, &lines, terminal)?;
        let path = match &self.out {
            Destination::File(_) => Some(self.out.to_string()),
            Destination::Stdout => None,
        };
        if terminal.is_json() {
            terminal.json(&to_json(asked, &lines, path.as_deref(), &notices))?;
            return Ok(Exit::Licensed);
        }
        for notice in &notices {
            terminal.warning(notice.code(), notice.message());
        }
        match path {
            Some(path) => terminal.data(&format!("wrote {path}"))?,
            None => terminal.data(&drawn)?,
        }
        if self.speak && self.out != Destination::Stdout {
            terminal.data(&lines.join("\n"))?;
        }
        if asked.is_again {
            terminal.note(match asked.letter {
                Letter::Deactivation(_) => "it was given up before; this is the same receipt again",
                _ => "it was asked before; this is the same request again (--new makes another)",
            });
        }
        if let Some(earlier) = asked.replaced {
            terminal.note(&format!(
                "this takes the place of the request of {earlier}, whose answer will be refused here"
            ));
        }
        terminal.note(hint);
        Ok(Exit::Licensed)
    }

    /// Writes the file, or returns what goes to standard output.
    fn deliver(
        &self,
        letter: &Letter,
        lines: &[String],
        terminal: &Terminal,
    ) -> Result<String, Failure> {
        let text = letter.to_armor();
        let overwrite = Overwrite::forced(self.force);
        match (&self.out, self.qr) {
            (Destination::File(_), true) => {
                let picture = QrCode::new(&letter.to_line())?.to_png();
                let picture = picture.map_err(|error| Failure::malformed(error.to_string()))?;
                self.out.write(&picture, overwrite, Audience::Everyone)?;
                Ok(text)
            }
            (Destination::File(_), false) => {
                self.out
                    .write(text.as_bytes(), overwrite, Audience::Everyone)?;
                Ok(text)
            }
            (Destination::Stdout, true) => {
                let code = QrCode::new(&letter.to_line())?;
                // It is kept by now: what can't be drawn can be had in another way.
                match code.for_terminal(terminal.columns()) {
                    Ok(drawn) => Ok(drawn.trim_end().to_owned()),
                    Err(failure) => {
                        terminal.warning(failure.code(), failure.message());
                        Ok(text.trim_end().to_owned())
                    }
                }
            }
            (Destination::Stdout, false) if self.speak => Ok(lines.join("\n")),
            (Destination::Stdout, false) => Ok(text.trim_end().to_owned()),
        }
    }
}

fn to_json(asked: &Asked, lines: &[String], path: Option<&str>, notices: &[Notice]) -> Value {
    let letter = &asked.letter;
    let warnings: Vec<_> = notices.iter().map(Notice::to_json).collect();
    json!({
        "kind": letter.kind().label(),
        "content": letter.to_json(),
        "text": letter.to_armor(),
        "lines": lines,
        "path": path.map(escape),
        "again": asked.is_again,
        "replaced": asked.replaced.map(|at| at.to_string()),
        "warnings": warnings,
    })
}
