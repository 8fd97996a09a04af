//! Where private keys are kept: in files, in HSMs, at a cloud's key service.
//!
//! What `--key` names is opened here and handed on as a [`CheckedKey`], so that no command knows or asks in whose custody a key
//! is. A further custody is one file with a function like [`Open`], and one line in [`Custody::ALL`].

#[cfg(feature = "aws-kms")]
mod aws_kms;
mod file;
#[cfg(feature = "aws-kms")]
mod http;
mod name;
#[cfg(feature = "pkcs11")]
mod pkcs11;

use std::path::Path;

use license_core::Algorithm;
use license_core::issue::{CheckedKey, KeyBits, Sign};
use license_terminal::{Failure, Terminal};

pub(crate) use name::KeyName;

use crate::args::KeyArgs;
use crate::passphrase::PassphraseSource;

/// A key as its custody hands it over: not yet checked, and never copied.
pub(crate) type Held = Box<dyn Sign + Send + Sync>;

/// What is asked of a custody beside the name of a key.
pub(crate) struct Wanted<'a> {
    /// The algorithm to sign with; none is the key's own, else RS256.
    pub(crate) algorithm: Option<Algorithm>,
    /// Where the passphrase or PIN is, if the command line says so.
    pub(crate) passphrase_file: Option<&'a Path>,
    /// To ask, warn and tell.
    pub(crate) terminal: &'a Terminal,
}

/// Opens the key of this name; the name comes without what it starts with.
type Open = fn(&str, &Wanted<'_>) -> Result<Held, Failure>;

/// Makes a key of this name and opens it, and says by what name it is found from now on.
type Create = fn(&str, KeyBits, &Wanted<'_>) -> Result<(Held, String), Failure>;

/// Looks for the key of this name as far as that takes no secret.
type Look = fn(&str, &Wanted<'_>) -> Result<(), Failure>;

/// A way of keeping keys other than in files.
pub(crate) struct Custody {
    /// What its names start with.
    prefix: &'static str,
    open: Open,
    create: Create,
    look: Look,
}

impl Custody {
    /// Every one there is.
    const ALL: [Self; 2] = [
        Self {
            prefix: "pkcs11:",
            open: pkcs11::open,
            create: pkcs11::create,
            look: pkcs11::look,
        },
        Self {
            prefix: "awskms:",
            open: aws_kms::open,
            create: aws_kms::create,
            look: aws_kms::look,
        },
    ];
}

/// Opens the key that the command line names, asking for its passphrase or PIN if it has one.
pub(crate) fn load(arguments: &KeyArgs, terminal: &Terminal) -> Result<CheckedKey, Failure> {
    let wanted = Wanted::of(arguments, terminal);
    let held = match &arguments.key {
        KeyName::File(path) => Box::new(file::open(path, &wanted)?),
        KeyName::Elsewhere(custody, name) => (custody.open)(name, &wanted)?,
    };
    Ok(CheckedKey::new(held))
}

/// Looks for the key that the command line names, as far as that takes no secret. A key in an open file is at hand then.
pub(crate) fn look(
    arguments: &KeyArgs,
    terminal: &Terminal,
) -> Result<Option<CheckedKey>, Failure> {
    let wanted = Wanted::of(arguments, terminal);
    match &arguments.key {
        KeyName::File(path) => {
            let key = file::look(path, &wanted)?;
            Ok(key.map(|key| CheckedKey::new(Box::new(key))))
        }
        KeyName::Elsewhere(custody, name) => (custody.look)(name, &wanted).map(|()| None),
    }
}

/// Makes a key where the name says, and tells the name by which it is found from now on.
pub(crate) fn create(
    name: &KeyName,
    bits: KeyBits,
    wanted: &Wanted<'_>,
) -> Result<(CheckedKey, String), Failure> {
    match name {
        KeyName::File(_) => Err(Failure::usage(
            "--key says where a key is that is in no file, found the name of a file",
        )
        .hint("name a file with --out")),
        KeyName::Elsewhere(custody, name) => {
            let (held, name) = (custody.create)(name, bits, wanted)?;
            Ok((CheckedKey::new(held), name))
        }
    }
}

impl<'a> Wanted<'a> {
    fn of(arguments: &'a KeyArgs, terminal: &'a Terminal) -> Self {
        Self {
            algorithm: arguments.alg,
            passphrase_file: arguments.passphrase_file.as_deref(),
            terminal,
        }
    }

    /// What the command line says of the passphrase, else `otherwise`.
    fn passphrase(&self, otherwise: PassphraseSource) -> PassphraseSource {
        self.passphrase_file
            .map_or(otherwise, |file| PassphraseSource::File(file.to_owned()))
    }
}

pub(crate) fn warn_of_exposure(source: &PassphraseSource, terminal: &Terminal) {
    if let Some(warning) = source.exposure() {
        terminal.warning("INSECURE_FILE", &warning);
    }
}

/// What was wrong while signing, for the way through the core; there only a machine can still fail.
#[cfg(any(feature = "pkcs11", feature = "aws-kms"))]
fn refusal(failure: &Failure) -> license_core::issue::IssueError {
    license_core::issue::IssueError::Device {
        code: failure.code().to_owned(),
        reason: failure.message().to_owned(),
        hint: failure.advice().unwrap_or("try again").to_owned(),
    }
}

/// A program built without this custody says so, and does not take the name for that of a file.
#[cfg(not(all(feature = "pkcs11", feature = "aws-kms")))]
macro_rules! left_out {
    ($custody:ident, $what:literal, $feature:literal) => {
        mod $custody {
            use super::*;

            fn absent() -> Failure {
                Failure::usage(concat!("this keygen was built without ", $what)).hint(concat!(
                    "build it with `--features ",
                    $feature,
                    "`, or name a file (./NAME if it starts like that)"
                ))
            }

            pub(super) fn open(_: &str, _: &Wanted<'_>) -> Result<Held, Failure> {
                Err(absent())
            }

            pub(super) fn create(
                _: &str,
                _: KeyBits,
                _: &Wanted<'_>,
            ) -> Result<(Held, String), Failure> {
                Err(absent())
            }

            pub(super) fn look(_: &str, _: &Wanted<'_>) -> Result<(), Failure> {
                Err(absent())
            }
        }
    };
}

#[cfg(not(feature = "pkcs11"))]
left_out!(pkcs11, "PKCS#11", "pkcs11");
#[cfg(not(feature = "aws-kms"))]
left_out!(aws_kms, "AWS KMS", "aws-kms");
