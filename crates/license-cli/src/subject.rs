//! The license that a command is about, and the keys and facts to judge it with.

use std::ffi::OsStr;
use std::path::Path;

use license_client::{Installation, StateDir, Store, now};
use license_core::{Bundle, Context, LicenseKey, MAX_FILE_BYTES, Matrix, Timestamp, TrustSet};
use license_terminal::{Failure, Source};

use crate::cli::{Ask, ContextArgs};
use crate::failure;

/// What commands share: the product, and where its state is.
pub(crate) struct Site {
    pub(crate) matrix: Matrix,
}

impl Site {
    pub(crate) fn open(product_file: Option<&Source>) -> Result<Self, Failure> {
        let matrix = match product_file {
            None => Matrix::built_in().clone(),
            Some(file) => Matrix::parse(&file.read_text(MAX_FILE_BYTES)?)
                .map_err(|error| failure::no_product(file, &error))?,
        };
        Ok(Self { matrix })
    }

    /// The state directory; many commands never need one.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        let dir = StateDir::of_this_user(self.matrix.product().as_str());
        dir.map(Store::new)
            .map_err(|error| failure::no_home(&error))
    }

    /// The keys given, else those installed.
    pub(crate) fn trust(&self, given: &[Source]) -> Result<TrustSet, Failure> {
        if given.is_empty() {
            let installed = Installation::trust(&self.store()?);
            let installed = installed.map_err(|error| failure::not_installed(&error))?;
            return installed.ok_or_else(failure::no_trust_set);
        }
        let mut trust = TrustSet::default();
        for file in given {
            let refused = |error| failure::not_trusted(&file.to_string(), &error);
            let keys = TrustSet::parse(&file.read_text(MAX_FILE_BYTES)?).map_err(refused)?;
            trust.extend(&keys).map_err(refused)?;
        }
        Ok(trust)
    }

    /// Verifies what was given.
    pub(crate) fn verify(&self, text: &Given, trust: &TrustSet) -> Result<Bundle, Failure> {
        Bundle::verify(&text.text, trust, &self.matrix)
            .map_err(|error| failure::not_judged(&text.name, &error))
    }

    /// What is installed, verified again; none if nothing is.
    pub(crate) fn installed(&self) -> Result<Option<Bundle>, Failure> {
        let installed = Installation::open(&self.store()?, &self.matrix);
        let installed = installed.map_err(|error| failure::not_installed(&error))?;
        Ok(installed.map(|installation| installation.bundle().clone()))
    }

    /// The license that the command line names, else the installed one.
    pub(crate) fn asked(&self, ask: &Ask) -> Result<Option<Bundle>, Failure> {
        match &ask.license {
            None => self.installed(),
            Some(license) => {
                let given = Given::read(license)?;
                self.verify(&given, &self.trust(&ask.trust)?).map(Some)
            }
        }
    }
}

/// A license as given on the command line: its text, and a name for messages that is never the text itself.
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Given {
    /// Reads a file, standard input, or the argument itself if it is no file but looks like a license.
    pub(crate) fn read(argument: &OsStr) -> Result<Self, Failure> {
        if let Some(given) = argument.to_str().and_then(Self::literal) {
            return Ok(given);
        }
        let source = Source::from(argument.to_owned());
        let text = source.read_text(MAX_FILE_BYTES)?;
        Ok(Self {
            name: source.to_string(),
            text,
        })
    }

    fn literal(argument: &str) -> Option<Self> {
        let is_literal =
            argument != "-" && !Path::new(argument).exists() && looks_like_license(argument);
        let name = if LicenseKey::is_likely(argument) {
            "the key given"
        } else {
            "the token given"
        };
        is_literal.then(|| Self {
            name: name.to_owned(),
            text: argument.to_owned(),
        })
    }
}

/// No file name is as long: what is longer was pasted.
const LONGEST_FILE_NAME: usize = 255;

/// Whether an argument that names no file is rather a key or a token than a mistyped name of a file. In doubt it is,
/// so that no message shows it as a path.
fn looks_like_license(argument: &str) -> bool {
    let text = argument.trim_matches(|letter: char| letter.is_whitespace() || is_quote(letter));
    let is_token = text.starts_with("eyJ") || text.contains("-BEGIN ");
    let folded = text.to_uppercase();
    let fields: Vec<&str> = folded
        .split(|letter: char| letter == '-' || !letter.is_ascii())
        .collect();
    let is_built_in = fields.first() == Some(&Matrix::built_in().product().as_str());
    let is_key = fields.len() >= 3 && (is_built_in || !text.contains(['.', '/', '\\']));
    let is_name = text
        .split(['/', '\\'])
        .all(|name| name.len() <= LONGEST_FILE_NAME);
    is_token || is_key || !is_name
}

fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}')
}

impl ContextArgs {
    /// The context of the decision. The clock is read only if no instant was given.
    pub(crate) fn context(&self) -> Context<'_> {
        let mut context =
            Context::at(self.instant()).usage_type(self.usage_type.unwrap_or_default());
        if let Some(user) = &self.user {
            context = context.user(user);
        }
        if let Some(version) = &self.app_version {
            context = context.app_version(version.clone());
        }
        if let Some(date) = self.build_date {
            context = context.build_date(date);
        }
        context
    }

    fn instant(&self) -> Timestamp {
        self.at.unwrap_or_else(now)
    }
}
