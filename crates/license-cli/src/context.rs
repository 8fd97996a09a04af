//! The context that the commands share: the product, this machine, the input, and the evaluation of
//! a license.

mod evaluation;
mod input;

use std::io::IsTerminal;
use std::path::Path;

use license_cli_support::{Failure, Source, plural};
use license_client::{
    DetectedUsage, HeldSeat, Installation, LicenseManager, Moment, ProcessEnvironment, ProjectRoot,
    QuotaError, ReplacedLicense, Snapshot, detect_usage, find_project, usage_variable,
};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::{Rotation, StatementResult, VerifiedLicensesError};
use license_core::policy::{Quota, SERVER_QUOTAS, UsageType};
use license_core::{
    Code, Decision, FeatureMatrix, License, LicenseFile, TokenKind, TrustSet, VerifiedLicenses,
};

pub(crate) use evaluation::Evaluation;
pub(crate) use input::LicenseInput;

use crate::args::{ContextArgs, Query};
use crate::embedded;
use crate::output::failure;
use crate::output::license_place::LicensePlace;
use crate::output::notice::{self, Notice};
use crate::output::trust_statements::StatementsReport;

/// The product, and this machine as that product identifies it.
pub(crate) struct AppContext {
    pub(crate) matrix: FeatureMatrix,
    pub(crate) manager: LicenseManager,
    /// Whether the manager is the one of the license for all users.
    pub(crate) is_for_all_users: bool,
}

impl AppContext {
    /// Loads the product and the keys that are embedded in this program.
    ///
    /// # Errors
    ///
    /// Returns a failure if the product file or the embedded keys cannot be used.
    pub(crate) fn open(product_file: Option<&Source>) -> Result<Self, Failure> {
        let matrix = match product_file {
            None => embedded::product()?,
            Some(file) => FeatureMatrix::parse(&file.read_text(MAX_FILE_BYTES, decode_text)?)
                .map_err(|error| failure::invalid_product(file, &error))?,
        };
        embedded::set_product_code(matrix.product());
        let manager = LicenseManager::for_current_user(matrix.product());
        let manager = match embedded::trust()? {
            Some(keys) => manager.trust_only(&keys),
            None => manager,
        };
        Ok(Self {
            matrix,
            manager,
            is_for_all_users: false,
        })
    }

    /// Returns the context of the license for all users, which the administrator installs. The
    /// failure names the command and its arguments.
    ///
    /// # Errors
    ///
    /// Returns a failure if this user may not install it, or if another user can change its
    /// directory.
    pub(crate) fn for_all_users(self, command: &str) -> Result<Self, Failure> {
        let manager = self.manager.for_all_users();
        let manager = manager.map_err(|error| failure::for_all_users(&error, command))?;
        Ok(Self {
            manager,
            is_for_all_users: true,
            ..self
        })
    }

    /// Returns the trusted keys: the embedded keys, else the keys in `files`, else the installed
    /// keys.
    ///
    /// # Errors
    ///
    /// Returns a failure if a file or the installation cannot be read, or if there are no keys.
    pub(crate) fn trust(&self, files: &[Source]) -> Result<TrustSet, Failure> {
        Ok(self.rotation(files)?.keys().clone())
    }

    /// Returns the trusted keys with their origins.
    ///
    /// Installed trust statements apply to installed keys only, not to embedded keys or to those in
    /// `files`.
    ///
    /// # Errors
    ///
    /// See [`trust`](Self::trust).
    pub(crate) fn rotation(&self, files: &[Source]) -> Result<Rotation, Failure> {
        if let Some(embedded) = self.manager.trust() {
            return Ok(Rotation::new(embedded.clone()));
        }
        if !files.is_empty() {
            return read_keys(files).map(Rotation::new);
        }
        let installed = Installation::rotation(self.manager.readable_paths());
        let installed = installed.map_err(|error| failure::installation(&error))?;
        installed.ok_or_else(failure::missing_trust)
    }

    /// Returns the trusted keys for an input, with their origins.
    ///
    /// # Errors
    ///
    /// See [`trust`](Self::trust). If there are no keys and the input is of a wrong kind, the
    /// failure names that kind.
    pub(crate) fn rotation_for(
        &self,
        input: &LicenseInput,
        files: &[Source],
    ) -> Result<Rotation, Failure> {
        let other = || self.malformed(input).filter(|_| files.is_empty());
        self.rotation(files)
            .map_err(|failure| other().unwrap_or(failure))
    }

    /// Returns the failure of an input that no key can verify.
    fn malformed(&self, input: &LicenseInput) -> Option<Failure> {
        let none = TrustSet::default();
        let verified =
            VerifiedLicenses::verify_with_licenses(&input.text, &none, &self.matrix, &[]);
        let error = verified.err()?;
        let is_malformed = matches!(
            error,
            VerifiedLicensesError::Parse(_) | VerifiedLicensesError::Key(_)
        );
        is_malformed.then(|| failure::verification(&input.name, &error))
    }

    /// Returns the trusted keys for an installation. Installed trust statements apply to the keys
    /// in `files` too.
    ///
    /// # Errors
    ///
    /// See [`rotation_for`](Self::rotation_for).
    pub(crate) fn rotation_for_installing(
        &self,
        input: &LicenseInput,
        files: &[Source],
    ) -> Result<Rotation, Failure> {
        let rotation = self.rotation_for(input, files)?;
        if self.manager.trust().is_some() {
            return Ok(rotation);
        }
        let roots = rotation.roots().clone();
        Ok(Installation::rotate(self.manager.readable_paths(), roots))
    }

    /// Verifies a license.
    ///
    /// # Errors
    ///
    /// Returns a failure if the input does not verify with these keys.
    pub(crate) fn verify(
        &self,
        input: &LicenseInput,
        trust: &TrustSet,
    ) -> Result<VerifiedLicenses, Failure> {
        VerifiedLicenses::verify(&input.text, trust, &self.matrix)
            .map_err(|error| failure::verification(&input.name, &error))
    }

    /// Applies the trust statements of the input to the keys, before anything else in it is
    /// verified. Embedded keys never change.
    ///
    /// # Errors
    ///
    /// Returns a failure if a statement is invalid.
    pub(crate) fn apply_statements(
        &self,
        input: &LicenseInput,
        rotation: &mut Rotation,
    ) -> Result<StatementsReport, Failure> {
        if self.manager.trust().is_some() || count_statements(input) == 0 {
            return Ok(StatementsReport::default());
        }
        let before = rotation.statements().len();
        let results = rotation
            .apply_file(&input.text)
            .map_err(|error| failure::verification(&input.name, &error))?;
        let new = rotation.statements().iter().skip(before).cloned();
        let is_known = |result: &&StatementResult| **result == StatementResult::Unchanged;
        Ok(StatementsReport {
            new: new.collect(),
            known: results.iter().filter(is_known).count(),
        })
    }

    /// Returns a notice if the input contains trust statements that this program ignores because it
    /// has embedded keys.
    pub(crate) fn ignored_statements(&self, input: &LicenseInput) -> Option<Notice> {
        let _ = self.manager.trust()?;
        let count = count_statements(input);
        (count > 0).then(|| {
            let ignored = plural(
                count,
                "trust statement is ignored",
                "trust statements are ignored",
            );
            Notice::trust(format!(
                "{ignored}: this program accepts only its embedded keys"
            ))
        })
    }

    /// Verifies the installed license again and returns its evaluation.
    ///
    /// # Errors
    ///
    /// Returns a failure if the installation cannot be used.
    pub(crate) fn installed<'a>(
        &'a self,
        args: &'a ContextArgs,
    ) -> Result<Evaluation<'a>, Failure> {
        let moment = match args.at {
            None => Moment::Now,
            Some(_) => Moment::Hypothetical,
        };
        let snapshot = self.manager.snapshot(None, &self.matrix, moment);
        self.evaluation_of(snapshot, args)?.usable()
    }

    /// Returns what [`Self::installed`] returns, but changes nothing on this machine. If the
    /// installation cannot be used, the evaluation has no license.
    ///
    /// # Errors
    ///
    /// Returns a failure if the usage type is needed and cannot be detected.
    pub(crate) fn observed<'a>(&'a self, args: &'a ContextArgs) -> Result<Evaluation<'a>, Failure> {
        self.evaluation_of(self.manager.inspect(&self.matrix), args)
    }

    fn evaluation_of<'a>(
        &'a self,
        snapshot: Snapshot,
        args: &'a ContextArgs,
    ) -> Result<Evaluation<'a>, Failure> {
        let high_water = args.at.is_none().then_some(snapshot.high_water);
        let mut notices = notice::from_snapshot(&snapshot, &self.manager);
        let problems = snapshot.problems;
        let installation = match snapshot.installation {
            Ok(installation) => installation,
            Err(error) => {
                let failure = failure::installation_with_problems(&error, &problems);
                let mut evaluation = Evaluation::unusable(self, args, failure);
                evaluation.used_quotas = Some(snapshot.quotas);
                return Ok(evaluation);
            }
        };
        let others = installation.iter().flat_map(|found| found.problems());
        notices.extend(others.map(Notice::installation));
        if installation.is_none() {
            notices.extend(notice::misnamed_files(&self.manager));
        }
        let verified = installation.as_ref().map(|found| found.verified().clone());
        let mut evaluation = Evaluation::new(self, verified, args)?;
        evaluation.seat = self.held_seat(evaluation.verified.as_ref(), args);
        evaluation.installation = installation;
        evaluation.high_water = high_water;
        evaluation.used_quotas = Some(snapshot.quotas);
        evaluation.notices = notices;
        Ok(evaluation)
    }

    /// Returns the floating seat that counts for this process here and now: that of the process
    /// that started it, or else that of the project in the working directory.
    pub(crate) fn held_seat(
        &self,
        verified: Option<&VerifiedLicenses>,
        args: &ContextArgs,
    ) -> Option<HeldSeat> {
        let is_here_and_now = args.at.is_none() && args.machine.is_none();
        let verified = verified.filter(|_| is_here_and_now)?;
        let user = args.user.as_deref();
        self.manager.held_seat(verified, user, Path::new("."))
    }

    /// Returns the evaluation of the installed license. If the installation cannot be used, returns
    /// an evaluation without a license.
    pub(crate) fn installed_if_usable<'a>(&'a self, args: &'a ContextArgs) -> Evaluation<'a> {
        self.installed(args)
            .unwrap_or_else(|failure| Evaluation::unusable(self, args, failure))
    }

    /// Returns the evaluation of the license on the command line, else of the installed license.
    ///
    /// # Errors
    ///
    /// Returns a failure if the license does not verify or the installation cannot be used.
    pub(crate) fn requested<'a>(&'a self, query: &'a Query) -> Result<Evaluation<'a>, Failure> {
        let Some(license) = &query.license else {
            return self.installed(&query.context);
        };
        let input = LicenseInput::read(license)?;
        let mut rotation = self.rotation_for(&input, &query.trust)?;
        let statements = self.apply_statements(&input, &mut rotation)?;
        let verified = self.verify(&input, rotation.keys())?;
        let mut evaluation = Evaluation::new(self, Some(verified), &query.context)?;
        evaluation.statements = statements;
        Ok(evaluation)
    }

    /// Returns where the license of a decision on installed licenses is stored.
    pub(crate) fn place(
        &self,
        installation: Option<&Installation>,
        decision: &Decision,
    ) -> LicensePlace {
        let license = decision.license().zip(installation);
        let path = license.and_then(|(license, found)| found.path_of(license.id()));
        let Some((path, found)) = path.zip(installation) else {
            return LicensePlace::default();
        };
        let is_installed = |license: &License| found.path_of(license.id()).is_some();
        let is_other = |kept: &ReplacedLicense| !kept.verified.licenses().iter().all(is_installed);
        // The license before an early renewal is of interest, and no other license.
        let kept = (decision.code() == Code::NotYetValid)
            .then(|| self.manager.replaced_license(&self.matrix).ok().flatten());
        LicensePlace {
            is_installed: true,
            is_for_all_users: self.is_in_system_dir(path),
            has_replaced: kept.flatten().as_ref().is_some_and(is_other),
        }
    }

    /// Returns whether a license file is in the directory for all users.
    pub(crate) fn is_in_system_dir(&self, path: &Path) -> bool {
        let system = self.manager.readable_paths().system();
        system.is_some_and(|system| path.starts_with(system.dir().path()))
    }

    /// Returns why uses of finite quotas are denied to this user, if the decision grants any.
    /// Numbers of seats and devices are usually not counted here.
    pub(crate) fn denial_of_quotas(&self, decision: &Decision) -> Option<QuotaError> {
        let numbers = [self.matrix.seats_quota(), self.matrix.devices_quota()];
        let is_counted = |(name, limit): (&str, Quota)| {
            let is_daily = !numbers.contains(&Some(name)) && !SERVER_QUOTAS.contains(&name);
            limit != Quota::Unlimited && is_daily
        };
        let is_any_counted = decision.entitlements().quotas().any(is_counted);
        is_any_counted
            .then(|| self.manager.check_counting().err())
            .flatten()
    }

    /// Returns the usage type from the option, else that of the project in the working directory.
    fn usage_type(&self, args: &ContextArgs) -> Result<UsageType, Failure> {
        if let Some(usage_type) = args.usage_type {
            return Ok(usage_type);
        }
        // Without a project, the usage type is the default one.
        match find_project(Path::new("."), self.manager.product(), self.state_dir()) {
            Ok(root) => Ok(self.detect_usage(&root)?.usage_type),
            Err(_) => Ok(UsageType::default()),
        }
    }

    /// Detects the usage type of a project and the reason for it.
    ///
    /// # Errors
    ///
    /// Returns a failure if the project declares an invalid usage type.
    pub(crate) fn detect_usage(&self, root: &ProjectRoot) -> Result<DetectedUsage, Failure> {
        let surroundings = ProcessEnvironment {
            variable: std::env::var_os(usage_variable(self.manager.product())),
            in_container: self.manager.container().is_some(),
            on_terminal: std::io::stdin().is_terminal() || std::io::stdout().is_terminal(),
        };
        detect_usage(root, &surroundings).map_err(|error| failure::usage_type(&error))
    }

    /// Returns the state directory of this user.
    pub(crate) fn state_dir(&self) -> Option<&Path> {
        self.manager.state_dir().map(|dir| dir.path())
    }
}

/// Reads the keys in these files.
fn read_keys(files: &[Source]) -> Result<TrustSet, Failure> {
    let mut trust = TrustSet::default();
    for file in files {
        let invalid = |error| failure::invalid_trust(&file.to_string(), &error);
        let keys =
            TrustSet::parse(&file.read_text(MAX_FILE_BYTES, decode_text)?).map_err(invalid)?;
        trust.extend(&keys).map_err(invalid)?;
    }
    Ok(trust)
}

/// Counts the trust statements in the input. An input that does not parse has none.
fn count_statements(input: &LicenseInput) -> usize {
    let artifacts = LicenseFile::parse(&input.text);
    artifacts.map_or(0, |file| {
        file.blocks_of_kind(TokenKind::TrustStatement).count()
    })
}
