//! Selection of a token, and login.

use std::path::Path;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::super::error::SignerError;
use super::super::passphrase::{PassphraseRequest, PassphraseSource};
use super::error::Pkcs11Error;
use super::module::Module;
use super::uri::Pkcs11Uri;

/// The token that a URI names.
pub(super) struct Token {
    module: Module,
    slot: Slot,
    info: TokenInfo,
}

/// The purpose of a session.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// Signing.
    Read,
    /// Creating keys.
    Write,
}

impl Token {
    /// Finds the token among the connected tokens.
    pub(super) fn find(uri: &Pkcs11Uri, module: Option<&Path>) -> Result<Self, Pkcs11Error> {
        let module = Module::load(uri, module)?;
        let pkcs11 = module.pkcs11();
        let slots = pkcs11
            .get_slots_with_token()
            .map_err(|error| Pkcs11Error::call("list its slots", error))?;
        let number = uri.slot()?;
        let mut matching = Vec::new();
        let mut others = Vec::new();
        for slot in slots {
            let Ok(info) = pkcs11.get_token_info(slot) else {
                continue;
            };
            let matches = number.is_none_or(|number| number == slot.id())
                && matches_token(uri, &info)
                && matches_slot_and_library(uri, &module, slot);
            if matches && info.token_initialized() {
                matching.push((slot, info));
            } else {
                others.push(info);
            }
        }
        match (matching.pop(), matching.len()) {
            (Some((slot, info)), 0) => Ok(Self { module, slot, info }),
            (Some(_), more) => Err(Pkcs11Error::SeveralTokens(more + 1)),
            (None, _) => Err(missing(&others)),
        }
    }

    /// Opens a session and logs in as the user.
    pub(super) fn log_in(
        &self,
        uri: &Pkcs11Uri,
        passphrases: &dyn PassphraseSource,
        access: Access,
    ) -> Result<Session, SignerError> {
        let pkcs11 = self.module.pkcs11();
        let session = match access {
            Access::Read => pkcs11.open_ro_session(self.slot),
            Access::Write => pkcs11.open_rw_session(self.slot),
        };
        let session = session.map_err(|error| Pkcs11Error::call("open a session", error))?;
        if !self.info.login_required() {
            return Ok(session);
        }
        let pin_source = uri.pin_source().map_err(Pkcs11Error::Uri)?;
        let pin = passphrases
            .passphrase(PassphraseRequest::TokenPin {
                token: self.label(),
                pin_source: pin_source.as_deref(),
                has_pin_pad: self.info.protected_authentication_path(),
            })
            .map_err(SignerError::Passphrase)?
            // `AuthPin` wipes its memory.
            .map(|pin| AuthPin::new(pin.as_str().into()));
        match session.login(UserType::User, pin.as_ref()) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(self.login_error(error).into()),
        }
    }

    fn login_error(&self, error: Error) -> Pkcs11Error {
        let token = self.label().to_owned();
        match error {
            Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            ) => Pkcs11Error::WrongPin(token),
            Error::Pkcs11(RvError::PinLocked, _) => Pkcs11Error::PinLocked(token),
            Error::Pkcs11(RvError::PinExpired | RvError::UserPinNotInitialized, _) => {
                Pkcs11Error::PinChangeRequired(token)
            }
            error => Pkcs11Error::call("log in", error),
        }
    }

    /// Returns whether the token signs or creates keys with a mechanism.
    ///
    /// The mechanism must also be listed, because some tokens describe mechanisms that their
    /// configuration forbids.
    pub(super) fn offers(&self, mechanism: MechanismType) -> bool {
        let pkcs11 = self.module.pkcs11();
        let listed = pkcs11.get_mechanism_list(self.slot);
        let info = pkcs11.get_mechanism_info(self.slot, mechanism);
        listed.is_ok_and(|listed| listed.contains(&mechanism))
            && info.is_ok_and(|info| info.sign() || info.generate_key_pair())
    }

    /// Returns the label of the token.
    pub(super) fn label(&self) -> &str {
        self.info.label()
    }

    /// Returns the module, which must outlive every session.
    pub(super) fn into_module(self) -> Module {
        self.module
    }
}

fn matches_token(uri: &Pkcs11Uri, info: &TokenInfo) -> bool {
    uri.admits("token", info.label())
        && uri.admits("manufacturer", info.manufacturer_id())
        && uri.admits("model", info.model())
        && uri.admits("serial", info.serial_number())
}

fn matches_slot_and_library(uri: &Pkcs11Uri, module: &Module, slot: Slot) -> bool {
    let names_any = |prefix: &str| {
        ["description", "manufacturer", "version"]
            .iter()
            .any(|name| uri.text(&format!("{prefix}-{name}")).is_some())
    };
    let pkcs11 = module.pkcs11();
    let matches_slot = || {
        pkcs11.get_slot_info(slot).is_ok_and(|info| {
            uri.admits("slot-description", info.slot_description())
                && uri.admits("slot-manufacturer", info.manufacturer_id())
        })
    };
    let matches_library = || {
        pkcs11.get_library_info().is_ok_and(|info| {
            uri.admits("library-description", info.library_description())
                && uri.admits("library-manufacturer", info.manufacturer_id())
                && uri.admits("library-version", &info.library_version().to_string())
        })
    };
    (!names_any("slot") || matches_slot()) && (!names_any("library") || matches_library())
}

fn missing(others: &[TokenInfo]) -> Pkcs11Error {
    let initialized = others.iter().filter(|info| info.token_initialized());
    Pkcs11Error::NoToken(initialized.map(|info| info.label().to_owned()).collect())
}
