//! Evaluates a license and its features for a command.

use license_cli_support::{Exit, Failure, Terminal};
use license_client::{HeldSeat, Installation, UnusedFile, UsedQuotas, now};
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::RuleResult;
use license_core::license::RevocationList;
use license_core::machine::Machine;
use license_core::policy::{SERVER_QUOTAS, UsageType};
use license_core::{Code, Context, Decision, License, VerifiedLicenses};
use serde_json::Value;

use super::AppContext;
use crate::args::{ContextArgs, NamedMachine};
use crate::embedded::{self, command};
use crate::output::decision::{self, DecisionReport};
use crate::output::license_details::LicenseDetails;
use crate::output::license_place::LicensePlace;
use crate::output::notice::Notice;
use crate::output::quotas::NamedQuotaUse;
use crate::output::trust_statements::StatementsReport;

/// The optional license of a decision, with everything else that the decision depends on.
pub(crate) struct Evaluation<'a> {
    app: &'a AppContext,
    args: &'a ContextArgs,
    pub(crate) verified: Option<VerifiedLicenses>,
    /// The installed license files, if the licenses are installed.
    pub(crate) installation: Option<Installation>,
    machine: Option<Machine>,
    usage_type: UsageType,
    /// The floating seat that counts, if an installed license requires one.
    pub(crate) seat: Option<HeldSeat>,
    /// The clock high-water mark of this machine.
    pub(crate) high_water: Option<DateTime<Utc>>,
    pub(crate) notices: Vec<Notice>,
    /// The reason why the installed license cannot be used.
    pub(crate) failure: Option<Failure>,
    /// The use of quotas today, if the decision is about the installed license.
    pub(crate) used_quotas: Option<UsedQuotas>,
    /// The trust statements that came with the license.
    pub(crate) statements: StatementsReport,
    /// The result of the installation, as members of the JSON object.
    pub(crate) installed: Option<Value>,
    /// Whether a license for certain versions is denied if no version is given. Otherwise, the
    /// decision is about the license, and not about one build of the application.
    pub(crate) needs_version: bool,
}

impl<'a> Evaluation<'a> {
    /// Creates the evaluation of a verified license.
    ///
    /// # Errors
    ///
    /// Returns a failure if the usage type is needed and cannot be detected.
    pub(crate) fn new(
        app: &'a AppContext,
        verified: Option<VerifiedLicenses>,
        args: &'a ContextArgs,
    ) -> Result<Self, Failure> {
        Self::comparable_with(app, verified, args, &[])
    }

    /// Creates the evaluation of a verified license with the context that other licenses need too,
    /// so that the decisions can be compared.
    ///
    /// # Errors
    ///
    /// See [`new`](Self::new).
    pub(crate) fn comparable_with(
        app: &'a AppContext,
        verified: Option<VerifiedLicenses>,
        args: &'a ContextArgs,
        others: &[License],
    ) -> Result<Self, Failure> {
        let licenses = verified
            .iter()
            .flat_map(VerifiedLicenses::licenses)
            .chain(others);
        let has_usage_type = |license: &License| license.usage_type().is_some();
        let usage_type = if licenses.clone().any(has_usage_type) {
            app.usage_type(args)?
        } else {
            args.usage_type.unwrap_or_default()
        };
        let mut validations = verified.iter().flat_map(VerifiedLicenses::validations);
        let needs_machine = |license: &License| {
            license.machines().is_some() || license.must_activate() || license.requires_seat()
        };
        let needs_machine = licenses.clone().any(needs_machine)
            || verified
                .iter()
                .any(|verified| !verified.activations().is_empty())
            || validations.any(|validation| validation.machine().is_some());
        let this_machine = || app.manager.machine().cloned();
        let named = args.machine.as_ref().map(|named| of_product(app, named));
        let machine = named
            .transpose()?
            .or_else(|| needs_machine.then(this_machine).flatten());
        Ok(Self {
            verified,
            machine,
            usage_type,
            ..Self::without_license(app, args)
        })
    }

    /// Creates an evaluation without a license, with a notice of the failure of the installed
    /// license.
    pub(crate) fn unusable(app: &'a AppContext, args: &'a ContextArgs, failure: Failure) -> Self {
        Self {
            notices: vec![Notice::failure(&failure)],
            failure: Some(failure),
            ..Self::without_license(app, args)
        }
    }

    /// Returns this evaluation, unless the installed license cannot be used.
    ///
    /// # Errors
    ///
    /// Returns the failure of the installed license.
    pub(crate) fn usable(self) -> Result<Self, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self),
        }
    }

    /// Creates an evaluation without a license.
    fn without_license(app: &'a AppContext, args: &'a ContextArgs) -> Self {
        Self {
            app,
            args,
            verified: None,
            installation: None,
            machine: None,
            usage_type: args.usage_type.unwrap_or_default(),
            seat: None,
            high_water: None,
            notices: Vec::new(),
            failure: None,
            used_quotas: None,
            statements: StatementsReport::default(),
            installed: None,
            needs_version: false,
        }
    }

    /// Returns the context of the decision. Reads the clock only if no instant was given.
    pub(crate) fn context(&self) -> Context<'_> {
        let clock = self.args.at.unwrap_or_else(now);
        let mut context = Context::at(clock).usage_type(self.usage_type);
        if !self.needs_version {
            context = context.for_any_version();
        }
        if let Some(high_water) = self.high_water {
            context = context.high_water(high_water);
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
        match &self.seat {
            Some(seat) => seat.add_to(context),
            None => context,
        }
    }

    /// Returns the decision on the license.
    pub(crate) fn decide(&self) -> Decision {
        let (matrix, context) = (&self.app.matrix, self.context());
        match &self.verified {
            Some(verified) => verified.evaluate(matrix, &context),
            None => Decision::without_license(matrix, &context),
        }
    }

    /// Returns the result of each rule. Without a license, there are no results.
    pub(crate) fn explain(&self) -> Vec<RuleResult> {
        let explain =
            |verified: &VerifiedLicenses| verified.explain(&self.app.matrix, &self.context());
        self.verified.as_ref().map_or_else(Vec::new, explain)
    }

    /// Decides, prints the decision, and returns the exit code.
    ///
    /// # Errors
    ///
    /// Returns a failure if standard output cannot be written.
    pub(crate) fn print(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        self.print_with(&[], terminal)
    }

    /// Prints the decision like [`print`](Self::print), with the use of quotas today.
    ///
    /// # Errors
    ///
    /// Returns a failure if standard output cannot be written.
    pub(crate) fn print_status(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        self.print_with(&self.quota_uses(), terminal)
    }

    fn print_with(&self, quotas: &[NamedQuotaUse], terminal: &Terminal) -> Result<Exit, Failure> {
        let decision = self.decide();
        let report = DecisionReport {
            decision: &decision,
            matrix: &self.app.matrix,
            notices: &self.notices,
            lists: self.lists(),
            statements: &self.statements,
            installed: self.installed.as_ref(),
            is_version_stated: self.args.app_version.is_some() || self.args.build_date.is_some(),
            strict: self.args.strict,
            unused: &self.unused_files(),
            details: self.details(&decision),
            place: self.place(&decision),
            seat: self.seat.as_ref(),
            quotas,
        };
        decision::print(&report, terminal)
    }

    /// Returns what belongs to the license of the decision.
    fn details<'d>(&'d self, decision: &'d Decision) -> Option<LicenseDetails<'d>> {
        let (license, verified) = (decision.license()?, self.verified.as_ref()?);
        let installation = self.installation.as_ref();
        let source = installation.and_then(|found| found.path_of(license.id()));
        let matrix = &self.app.matrix;
        let results = verified.explain_license(license, matrix, &self.context());
        let details = LicenseDetails::new(license, &results, verified, source, matrix, decision);
        Some(details)
    }

    /// Returns where the license of the decision is stored, or would be stored by this dry run.
    pub(crate) fn place(&self, decision: &Decision) -> LicensePlace {
        let place = self.app.place(self.installation.as_ref(), decision);
        LicensePlace {
            is_installed: place.is_installed || self.installed.is_some(),
            is_for_all_users: place.is_for_all_users || self.app.is_for_all_users,
            ..place
        }
    }

    /// Returns the use of each daily quota. There is none for a decision at another time, which
    /// would need the counts of that day.
    fn quota_uses(&self) -> Vec<NamedQuotaUse> {
        let Some(used) = self.used_quotas.as_ref().filter(|_| self.args.at.is_none()) else {
            return Vec::new();
        };
        let matrix = &self.app.matrix;
        let numbers = [matrix.seats_quota(), matrix.devices_quota()];
        let decision = self.decide();
        let quotas = decision.entitlements().quotas();
        let uses = quotas.map(|(name, limit)| NamedQuotaUse {
            quota: name.to_owned(),
            label: matrix.quota_label(name).to_owned(),
            limit,
            quota_use: used.quota_use(name, limit),
        });
        // Programs count seats and devices differently, and usually not here.
        let is_daily = |quota: &NamedQuotaUse| {
            if SERVER_QUOTAS.contains(&quota.quota.as_str()) {
                return false;
            }
            let is_used = quota.quota_use.as_ref().is_some_and(|found| found.used > 0);
            is_used || !numbers.contains(&Some(quota.quota.as_str()))
        };
        uses.filter(is_daily).collect()
    }

    /// Returns the installed license files that are not in effect.
    pub(crate) fn unused_files(&self) -> Vec<UnusedFile> {
        let installation = self.installation.as_ref();
        installation.map_or_else(Vec::new, |found| {
            found.unused_files(&self.app.matrix, &self.context())
        })
    }

    /// Returns the revocation lists that came with the license.
    fn lists(&self) -> &[RevocationList] {
        self.verified
            .as_ref()
            .map_or(&[], VerifiedLicenses::revocations)
    }
}

/// Returns the machine of the option `--machine`. Refuses a fingerprint that was made for another
/// product, because no license of this product would match it.
fn of_product(app: &AppContext, named: &NamedMachine) -> Result<Machine, Failure> {
    let expected = app.matrix.product();
    match named.product.filter(|product| *product != expected) {
        None => Ok(named.machine.clone()),
        Some(found) => {
            let message = format!(
                "--machine: expected a fingerprint for {expected}, found one for {found}, which \
                 never matches"
            );
            let machine = command!("machine");
            let hint = if embedded::HAS_PRODUCT {
                format!("run {machine} on the machine that the license is for")
            } else {
                format!("run {machine} with the --product-file of {expected}")
            };
            Err(Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(hint))
        }
    }
}
