//! The license that a command is about, and the keys and facts to judge it with.

use std::ffi::OsStr;
use std::path::Path;

use license_client::{Installation, StateDir, Store, now};
use license_core::{Bundle, Context, LicenseKey, MAX_FILE_BYTES, Matrix, Timestamp, TrustSet};
use license_terminal::{Failure, Source, escape};

use crate::cli::{Ask, ContextArgs, Trust};
use crate::failure;

/// What commands share: the product, and where its state is.
pub(crate) struct Site {
    pub(crate) matrix: Matrix,
    pub(crate) store: Store,
}

impl Site {
    pub(crate) fn open(product_file: Option<&Source>) -> Result<Self, Failure> {
        let matrix = match product_file {
            None => Matrix::built_in().clone(),
            Some(file) => Matrix::parse(&file.read_text(MAX_FILE_BYTES)?)
                .map_err(|error| failure::no_product(file, &error))?,
        };
        let dir = StateDir::of_this_user(matrix.product().as_str());
        let store = Store::new(dir.map_err(|error| failure::no_home(&error))?);
        Ok(Self { matrix, store })
    }

    /// The keys given, else those installed.
    pub(crate) fn trust(&self, given: &Trust) -> Result<TrustSet, Failure> {
        if given.files.is_empty() {
            let installed = Installation::trust(&self.store);
            let installed = installed.map_err(|error| failure::not_installed(&error))?;
            return installed.ok_or_else(failure::no_trust_set);
        }
        let mut trust = TrustSet::default();
        for file in &given.files {
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
        let trust = Installation::trust(&self.store);
        let Some(trust) = trust.map_err(|error| failure::not_installed(&error))? else {
            return Ok(None);
        };
        let installed = Installation::load(&self.store, &trust, &self.matrix);
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
        let name = escape(&source.to_string()).into_owned();
        Ok(Self { name, text })
    }

    fn literal(argument: &str) -> Option<Self> {
        let is_literal =
            argument != "-" && !Path::new(argument).exists() && looks_like_license(argument);
        let name = if LicenseKey::is_likely(argument) { "the key given" } else { "the token given" };
        is_literal.then(|| Self { name: name.to_owned(), text: argument.to_owned() })
    }
}

/// Whether an argument that names no file is rather a key or a token than a mistyped name of a file.
fn looks_like_license(argument: &str) -> bool {
    let text = argument.trim();
    let is_token = text.starts_with("eyJ") && text.matches('.').count() == 2;
    let hyphens = text
        .chars()
        .filter(|&letter| letter == '-' || !letter.is_ascii())
        .count();
    let is_key = hyphens >= 2 && !text.contains(['.', '/', '\\']);
    is_token || is_key || text.contains("-BEGIN ")
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
