//! The token, and being let in.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use license_terminal::{Exit, Failure, escape};

use super::super::{Wanted, warn_of_exposure};
use super::module::Module;
use super::{Uri, refused};
use crate::passphrase::{Passphrase, PassphraseSource};

/// The one token that a URI names.
pub(super) struct Token {
    module: Module,
    slot: Slot,
    info: TokenInfo,
}

/// What a session is for.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// Signing.
    Read,
    /// Making keys.
    Write,
}

impl Token {
    /// Finds the token among those that are plugged in.
    pub(super) fn find(uri: &Uri) -> Result<Self, Failure> {
        let module = Module::load(uri)?;
        let pkcs11 = module.pkcs11();
        let slots = pkcs11.get_slots_with_token();
        let slots = slots.map_err(|error| refused("list its slots", &error))?;
        let number = uri.slot()?;
        let mut fitting = Vec::new();
        let mut others = Vec::new();
        for slot in slots {
            let Ok(info) = pkcs11.get_token_info(slot) else {
                continue;
            };
            let fits = number.is_none_or(|number| number == slot.id())
                && is_named(uri, &info)
                && is_reached(uri, &module, slot);
            match fits && info.token_initialized() {
                true => fitting.push((slot, info)),
                false => others.push(info),
            }
        }
        match (fitting.pop(), fitting.len()) {
            (Some((slot, info)), 0) => Ok(Self { module, slot, info }),
            (Some(_), more) => Err(ambiguous(more + 1)),
            (None, _) => Err(missing(&others)),
        }
    }

    /// Opens a session and logs in as the user, with the PIN from where it is to be had.
    pub(super) fn log_in(
        &self,
        uri: &Uri,
        wanted: &Wanted<'_>,
        access: Access,
    ) -> Result<Session, Failure> {
        let pkcs11 = self.module.pkcs11();
        let session = match access {
            Access::Read => pkcs11.open_ro_session(self.slot),
            Access::Write => pkcs11.open_rw_session(self.slot),
        };
        let session = session.map_err(|error| refused("open a session", &error))?;
        if !self.info.login_required() {
            return Ok(session);
        }
        let pin = self.pin(uri, wanted)?;
        match session.login(UserType::User, pin.as_ref()) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(self.not_let_in(&error)),
        }
    }

    /// None where the token has keys of its own to type it on.
    fn pin(&self, uri: &Uri, wanted: &Wanted<'_>) -> Result<Option<AuthPin>, Failure> {
        let in_file = uri.pin_source()?.map(PassphraseSource::File);
        let source = wanted.passphrase(in_file.unwrap_or(PassphraseSource::Prompt));
        if source == PassphraseSource::Prompt {
            let terminal = wanted.terminal;
            if self.info.protected_authentication_path() {
                terminal.note(&format!("{}: type the PIN on its own keys", self.shown()));
                return Ok(None);
            }
            terminal.note(&format!("{} asks for its PIN as passphrase", self.shown()));
        }
        warn_of_exposure(&source, wanted.terminal);
        secret(&source.read_existing()?).map(Some)
    }

    fn not_let_in(&self, error: &Error) -> Failure {
        let Error::Pkcs11(code, _) = error else {
            return refused("log in", error);
        };
        let shown = self.shown();
        match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => Failure::new(
                Exit::Usage,
                "WRONG_PASSPHRASE",
                format!("the PIN does not open {shown}"),
            )
            .hint("check the PIN before another try: a token locks itself after a few wrong ones"),
            RvError::PinLocked => Failure::new(
                Exit::Machine,
                "PIN_LOCKED",
                format!("{shown} has locked its PIN"),
            )
            .hint("the token's security officer can set a new one"),
            RvError::PinExpired | RvError::UserPinNotInitialized => Failure::new(
                Exit::Machine,
                "PKCS11",
                format!("{shown} wants a new PIN first"),
            )
            .hint("set it with the tool of the token's maker"),
            _ => refused("log in", error),
        }
    }

    /// Whether the token signs or makes keys in this way: some know of mechanisms that their configuration forbids, and only
    /// the list leaves those out.
    pub(super) fn offers(&self, mechanism: MechanismType) -> bool {
        let pkcs11 = self.module.pkcs11();
        let listed = pkcs11.get_mechanism_list(self.slot);
        let info = pkcs11.get_mechanism_info(self.slot, mechanism);
        listed.is_ok_and(|listed| listed.contains(&mechanism))
            && info.is_ok_and(|info| info.sign() || info.generate_key_pair())
    }

    pub(super) fn label(&self) -> &str {
        self.info.label()
    }

    /// The token in a message.
    pub(super) fn shown(&self) -> String {
        format!("token `{}`", escape(self.label()))
    }

    /// What has to outlive every session.
    pub(super) fn into_module(self) -> Module {
        self.module
    }
}

fn is_named(uri: &Uri, info: &TokenInfo) -> bool {
    uri.admits("token", info.label())
        && uri.admits("manufacturer", info.manufacturer_id())
        && uri.admits("model", info.model())
        && uri.admits("serial", info.serial_number())
}

fn is_reached(uri: &Uri, module: &Module, slot: Slot) -> bool {
    let asked = |prefix: &str| {
        let names = ["description", "manufacturer", "version"];
        names
            .iter()
            .any(|name| uri.text(&format!("{prefix}-{name}")).is_some())
    };
    let pkcs11 = module.pkcs11();
    let slot_fits = || {
        pkcs11.get_slot_info(slot).is_ok_and(|info| {
            uri.admits("slot-description", info.slot_description())
                && uri.admits("slot-manufacturer", info.manufacturer_id())
        })
    };
    let library_fits = || {
        pkcs11.get_library_info().is_ok_and(|info| {
            uri.admits("library-description", info.library_description())
                && uri.admits("library-manufacturer", info.manufacturer_id())
                && uri.admits("library-version", &info.library_version().to_string())
        })
    };
    (!asked("slot") || slot_fits()) && (!asked("library") || library_fits())
}

/// Into memory that is wiped when it has been used.
fn secret(pin: &Passphrase) -> Result<AuthPin, Failure> {
    let text = std::str::from_utf8(pin.as_bytes());
    let text = text.map_err(|_| Failure::usage("expected a PIN in UTF-8"))?;
    Ok(AuthPin::new(text.into()))
}

fn missing(others: &[TokenInfo]) -> Failure {
    let labels: Vec<_> = others
        .iter()
        .filter(|info| info.token_initialized())
        .map(|info| format!("`{}`", escape(info.label())))
        .collect();
    let found = match labels.is_empty() {
        true => "none at all".to_owned(),
        false => labels.join(", "),
    };
    let message = format!("expected a token as the pkcs11 URI describes it, found {found}");
    Failure::new(Exit::Machine, "NO_TOKEN", message)
        .hint("plug it in, or correct the URI; `pkcs11-tool --list-slots` shows what there is")
}

fn ambiguous(found: usize) -> Failure {
    Failure::usage(format!(
        "expected one token as the pkcs11 URI describes it, found {found}"
    ))
    .hint("add token=LABEL or serial=NUMBER to the URI")
}
