//! The license that a command is about, and the keys and facts to judge it with.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::Path;

use license_client::{
    DetectedUsage, Host, Installation, Moment, ProjectRoot, Surroundings, detect_usage,
    find_project, now, usage_variable,
};
use license_core::{
    Bundle, Context, Decision, Finding, License, LicenseKey, MAX_FILE_BYTES, Machine, Matrix,
    RevocationList, Rotation, Timestamp, TrustSet, UsageType, input_cap,
};
use license_terminal::{Failure, Source};

use crate::cli::{Ask, ContextArgs};
use crate::command::trust_statements::{self, Told};
use crate::{embedded, failure, report};

/// What commands share: the product, and this machine as it sees it.
pub(crate) struct Site {
    pub(crate) matrix: Matrix,
    pub(crate) host: Host,
}

impl Site {
    pub(crate) fn open(product_file: Option<&Source>) -> Result<Self, Failure> {
        let matrix = match product_file {
            None => Matrix::built_in().clone(),
            Some(file) => Matrix::parse(&file.read_text(MAX_FILE_BYTES)?)
                .map_err(|error| failure::no_product(file, &error))?,
        };
        let host = Host::of_this_user(matrix.product());
        let host = match embedded::trust()? {
            Some(keys) => host.trusting(&keys),
            None => host,
        };
        Ok(Self { matrix, host })
    }

    /// The keys embedded in this program, else those given, else those installed.
    pub(crate) fn trust(&self, given: &[Source]) -> Result<TrustSet, Failure> {
        Ok(self.rotation(given)?.keys().clone())
    }

    /// The same with where each comes from: keys embedded or given are as they are, those installed as trust statements made them.
    pub(crate) fn rotation(&self, given: &[Source]) -> Result<Rotation, Failure> {
        if let Some(embedded) = self.host.trust() {
            return Ok(Rotation::new(embedded.clone()));
        }
        if !given.is_empty() {
            return given_keys(given).map(Rotation::new);
        }
        let home = self.host.home().map_err(failure::no_home)?;
        let installed = Installation::rotation(home);
        let installed = installed.map_err(|error| failure::not_installed(&error))?;
        installed.ok_or_else(failure::no_trust_set)
    }

    /// The keys to install something with: what the installed trust statements say counts for keys that are given too.
    pub(crate) fn rotation_here(&self, given: &[Source]) -> Result<Rotation, Failure> {
        let rotation = self.rotation(given)?;
        match self.host.home() {
            Ok(home) if self.host.trust().is_none() => {
                let roots = rotation.roots().clone();
                Ok(Installation::rotation_of(home, roots))
            }
            _ => Ok(rotation),
        }
    }

    /// Verifies what was given.
    pub(crate) fn verify(&self, text: &Given, trust: &TrustSet) -> Result<Bundle, Failure> {
        Bundle::verify(&text.text, trust, &self.matrix)
            .map_err(|error| failure::not_judged(&text.name, &error))
    }

    /// The case of what is installed, verified again, and of the time that this machine has seen.
    pub(crate) fn installed<'a>(&'a self, args: &'a ContextArgs) -> Result<Case<'a>, Failure> {
        let moment = match args.at {
            None => Moment::Now,
            Some(_) => Moment::Imagined,
        };
        let snapshot = self.host.snapshot(None, &self.matrix, moment);
        let mark = (moment == Moment::Now).then_some(snapshot.mark);
        let mut notices = report::notices(&snapshot, &self.host);
        let problems = snapshot.problems;
        let installation = snapshot.installation;
        let found = installation.map_err(|error| failure::beside(&error, &problems))?;
        let others = found.iter().flat_map(|found| found.problems());
        notices.extend(others.map(report::Notice::of_installation));
        let bundle = found.map(|found| found.bundle().clone());
        let case = Case::new(self, bundle, args)?;
        Ok(Case {
            mark,
            notices,
            ..case
        })
    }

    /// The case of the license that the command line names, else of the installed one.
    pub(crate) fn asked<'a>(&'a self, ask: &'a Ask) -> Result<Case<'a>, Failure> {
        match &ask.license {
            None => self.installed(&ask.context),
            Some(license) => {
                let given = Given::read(license)?;
                let mut rotation = self.rotation(&ask.trust)?;
                let statements = trust_statements::apply(self, &given, &mut rotation)?;
                let bundle = self.verify(&given, rotation.keys())?;
                let case = Case::new(self, Some(bundle), &ask.context)?;
                Ok(Case { statements, ..case })
            }
        }
    }

    /// What the product is used for here: as an option says, else as the project in the working directory does.
    fn usage_type(&self, args: &ContextArgs) -> Result<UsageType, Failure> {
        if let Some(usage_type) = args.usage_type {
            return Ok(usage_type);
        }
        // What can't be told is what most users are.
        match find_project(Path::new("."), self.host.product(), self.state_dir()) {
            Ok(root) => Ok(self.usage_of(&root)?.usage_type),
            Err(_) => Ok(UsageType::default()),
        }
    }

    /// What the product is used for in a project, and why.
    pub(crate) fn usage_of(&self, root: &ProjectRoot) -> Result<DetectedUsage, Failure> {
        let surroundings = Surroundings {
            variable: std::env::var_os(usage_variable(self.host.product())),
            in_container: self.host.container().is_some(),
            on_terminal: std::io::stdin().is_terminal() || std::io::stdout().is_terminal(),
        };
        detect_usage(root, &surroundings).map_err(|error| failure::no_usage_type(&error))
    }

    pub(crate) fn state_dir(&self) -> Option<&Path> {
        self.host.state_dir().map(|dir| dir.path())
    }
}

/// The keys in these files.
fn given_keys(given: &[Source]) -> Result<TrustSet, Failure> {
    let mut trust = TrustSet::default();
    for file in given {
        let refused = |error| failure::not_trusted(&file.to_string(), &error);
        let keys = TrustSet::parse(&file.read_text(MAX_FILE_BYTES)?).map_err(refused)?;
        trust.extend(&keys).map_err(refused)?;
    }
    Ok(trust)
}

/// A license to decide on, or that there is none, with all that the decision depends on.
pub(crate) struct Case<'a> {
    site: &'a Site,
    args: &'a ContextArgs,
    pub(crate) bundle: Option<Bundle>,
    machine: Option<Machine>,
    usage_type: UsageType,
    pub(crate) mark: Option<Timestamp>,
    pub(crate) notices: Vec<report::Notice>,
    /// The trust statements that came with the license.
    pub(crate) statements: Told,
    /// What became of each block, where something was installed.
    pub(crate) blocks: Option<serde_json::Value>,
}

impl<'a> Case<'a> {
    /// The case of a verified license. What no license in it asks about is not looked for.
    pub(crate) fn new(
        site: &'a Site,
        bundle: Option<Bundle>,
        args: &'a ContextArgs,
    ) -> Result<Self, Failure> {
        Self::beside(site, bundle, args, &[])
    }

    /// The same with all that other licenses ask about, which it is to be compared with.
    pub(crate) fn beside(
        site: &'a Site,
        bundle: Option<Bundle>,
        args: &'a ContextArgs,
        others: &[License],
    ) -> Result<Self, Failure> {
        let licenses = bundle.iter().flat_map(Bundle::licenses).chain(others);
        let has_usage_type = |license: &License| license.usage_type().is_some();
        let usage_type = match licenses.clone().any(has_usage_type) {
            true => site.usage_type(args)?,
            false => args.usage_type.unwrap_or_default(),
        };
        let mut validations = bundle.iter().flat_map(Bundle::validations);
        let asks = |license: &License| license.machines().is_some() || license.must_activate();
        let names_machines = licenses.clone().any(asks)
            || bundle.iter().any(|bundle| !bundle.activations().is_empty())
            || validations.any(|said| said.machine().is_some());
        let here = || site.host.machine().cloned();
        let machine = args
            .machine
            .clone()
            .or_else(|| names_machines.then(here).flatten());
        Ok(Self {
            site,
            args,
            bundle,
            machine,
            usage_type,
            mark: None,
            notices: Vec::new(),
            statements: Told::default(),
            blocks: None,
        })
    }

    /// There being no license.
    pub(crate) fn without_license(site: &'a Site, args: &'a ContextArgs) -> Self {
        Self {
            site,
            args,
            bundle: None,
            machine: None,
            usage_type: args.usage_type.unwrap_or_default(),
            mark: None,
            notices: Vec::new(),
            statements: Told::default(),
            blocks: None,
        }
    }

    /// The context of the decision. The clock is read only if no instant was given.
    pub(crate) fn context(&self) -> Context<'_> {
        let clock = self.args.at.unwrap_or_else(now);
        let mut context = Context::at(clock).usage_type(self.usage_type);
        if let Some(mark) = self.mark {
            context = context.high_water(mark);
        }
        if let Some(machine) = &self.machine {
            context = context.machine(machine);
        }
        if let Some(user) = &self.args.user {
            context = context.user(user);
        }
        if let Some(version) = &self.args.app_version {
            context = context.app_version(version.clone());
        }
        if let Some(date) = self.args.build_date {
            context = context.build_date(date);
        }
        context
    }

    /// The revocation lists beside the license.
    pub(crate) fn lists(&self) -> &[RevocationList] {
        let bundle = self.bundle.as_ref();
        bundle.map(Bundle::revocations).unwrap_or_default()
    }

    pub(crate) fn decide(&self) -> Decision {
        let (matrix, context) = (&self.site.matrix, self.context());
        match &self.bundle {
            Some(bundle) => bundle.evaluate(matrix, &context),
            None => Decision::without_license(matrix, &context),
        }
    }

    /// Every rule applied to the license; none if there is none.
    pub(crate) fn explain(&self) -> Vec<Finding> {
        let explain = |bundle: &Bundle| bundle.explain(&self.site.matrix, &self.context());
        self.bundle.as_ref().map(explain).unwrap_or_default()
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
        let text = source.read_text_or_more(MAX_FILE_BYTES, input_cap)?;
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
