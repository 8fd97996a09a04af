//! Random licenses with validation tokens and other installed licenses.

use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::issue::{LicenseDraft, ValidationDraft};
use license_core::license::Validation;
use license_core::policy::UsageType;
use license_core::{Context, Decision, FeatureMatrix, License, Unverified, VerifiedLicenses};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{
    DAY, HOUR, SECOND, SERVER, VENDOR, draft, entitlements, id, issue, issued, machine, public,
    sign_validation, validation_draft,
};
use crate::{check_in, renewal};

/// The parameters of a scenario.
///
/// Instants are multiples of six hours from the time of issue, plus or minus one second. Many
/// instants are therefore at a limit, or one second before or after a limit.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    starts: Option<Step>,
    ends: Option<Step>,
    renewal: Option<(u64, u64)>,
    check_in: Option<(u64, u64)>,
    trial: bool,
    users: bool,
    machines: bool,
    usage_type: Option<UsageType>,
    maintenance_until: Option<Step>,
    pub(crate) has_server: bool,
    replaced_from: Option<Step>,
    pub(crate) validations: Vec<ValidationPlan>,
    pub(crate) high_water: Option<Step>,
    pub(crate) is_named: bool,
}

pub(crate) type Step = (i32, i8);

/// The parameters of a validation token.
#[derive(Clone, Debug)]
pub(crate) struct ValidationPlan {
    pub(crate) at: Step,
    pub(crate) status: Status,
    pub(crate) machine: Option<&'static str>,
    pub(crate) by_server: bool,
    /// Whether the token is for the previous license.
    pub(crate) for_previous: bool,
    features: Vec<&'static str>,
    quotas: Vec<(&'static str, i64)>,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    (4..160_i32, -1..=1_i8)
}

pub(crate) fn at((steps, seconds): Step) -> DateTime<Utc> {
    let at = issued() + HOUR * 6 * (steps - 4);
    match seconds {
        -1 => at - SECOND,
        1 => at + SECOND,
        _ => at,
    }
}

fn validation_plan() -> impl Strategy<Value = ValidationPlan> {
    let status = prop_oneof![
        10 => Just(Status::Active),
        1 => select(&[Status::Suspended, Status::Revoked, Status::Canceled][..]),
    ];
    let features = vec(
        select(&["cloud_sync", "hooks", "sso", "brand_new"][..]),
        0..4,
    );
    let quota = (
        select(&["agents", "users", "commands_per_day", "brand_new"][..]),
        select(&[-1_i64, 0, 3, 52, 1000][..]),
    );
    let machine = select(&[None, Some("m1"), Some("m2")][..]);
    (
        step(),
        status,
        machine,
        any::<bool>(),
        prop::bool::weighted(0.3),
        features,
        vec(quota, 0..4),
    )
        .prop_map(
            |(at, status, machine, by_server, for_previous, features, quotas)| ValidationPlan {
                at,
                status,
                machine,
                by_server,
                for_previous,
                features,
                quotas,
            },
        )
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    use proptest::option::{of, weighted};
    let terms = (
        weighted(0.15, step()),
        weighted(0.6, step()),
        of((0..40_u64, 0..600_u64)),
        of((1..400_u64, 0..600_u64)),
        any::<bool>(),
    );
    let scope = (
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        weighted(0.1, select(&[UsageType::Builder, UsageType::Runtime][..])),
        weighted(0.1, step()),
        weighted(0.1, step()),
        prop::bool::weighted(0.9),
    );
    let others = (vec(validation_plan(), 0..4), of(step()), any::<bool>());
    (terms, scope, others).prop_map(|(terms, scope, others)| Plan {
        starts: terms.0,
        ends: terms.1,
        renewal: terms.2,
        check_in: terms.3,
        trial: terms.4,
        users: scope.0,
        machines: scope.1,
        usage_type: scope.2,
        maintenance_until: scope.3,
        replaced_from: scope.4,
        is_named: scope.5,
        validations: others.0,
        high_water: others.1,
        has_server: others.2,
    })
}

/// A license with validation tokens and installed licenses, issued according to a plan.
pub(crate) struct Scenario {
    pub(crate) license: License,
    pub(crate) validations: Vec<Validation>,
    pub(crate) installed: Vec<License>,
    pub(crate) plan: Plan,
}

impl Scenario {
    pub(crate) fn new(plan: Plan) -> Self {
        let license = issue(&license_draft(&plan));
        let previous = issue(&previous_draft(&plan));
        let plans = plan
            .validations
            .iter()
            .filter(|validation| plan.has_server || !validation.by_server);
        let validations = plans
            .map(|plan| {
                let license = if plan.for_previous {
                    &previous
                } else {
                    &license
                };
                validation(plan, license)
            })
            .collect();
        let successor = plan
            .replaced_from
            .map(|start| issue(&successor_draft(start)));
        let installed = successor.into_iter().chain([license.clone()]).collect();
        Self {
            license,
            validations,
            installed,
            plan,
        }
    }

    /// Adds a validation token that suspends the previous license.
    pub(crate) fn suspend_previous(&mut self, at: DateTime<Utc>) {
        let previous = issue(&previous_draft(&self.plan));
        let draft = validation_draft(&previous, Status::Suspended, at);
        let suspended = sign_validation(&draft, &VENDOR, &previous).unwrap();
        self.validations.push(suspended);
    }

    /// Returns the license and the other installed license, verified as one file.
    pub(crate) fn verified_file(&self) -> VerifiedLicenses {
        let successor = self.plan.replaced_from.map(successor_draft);
        let drafts = successor.into_iter().chain([license_draft(&self.plan)]);
        let armor = drafts.map(|draft| {
            let token = draft.sign(&*VENDOR).unwrap();
            Unverified::parse(&token).unwrap().to_armor()
        });
        let file = armor.collect::<String>();
        VerifiedLicenses::verify(&file, &crate::support::TRUST, FeatureMatrix::built_in()).unwrap()
    }

    pub(crate) fn context(&self, clock: DateTime<Utc>) -> Context<'_> {
        let context = Context::at(clock)
            .build_date(issued() + DAY * 10)
            .validations(&self.validations)
            .installed(&self.installed);
        if self.plan.is_named {
            context.user("alice").machine(machine("m1"))
        } else {
            context
        }
    }

    pub(crate) fn evaluate(&self, context: &Context<'_>) -> Decision {
        self.license.evaluate(FeatureMatrix::built_in(), context)
    }

    pub(crate) fn at(&self, clock: DateTime<Utc>) -> Decision {
        self.evaluate(&self.context(clock))
    }
}

fn successor_draft(start: Step) -> LicenseDraft {
    let mut draft = draft("PRO", id(2));
    draft.supersedes = vec![id(1)];
    draft.not_before = Some(at(start));
    draft
}

/// Returns the previous license, issued one day earlier.
fn previous_draft(plan: &Plan) -> LicenseDraft {
    let mut draft = draft("PRO", id(3));
    draft.issued_at = Some(issued() - DAY);
    if plan.has_server {
        draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    }
    draft
}

fn license_draft(plan: &Plan) -> LicenseDraft {
    let mut draft = draft("PRO", id(1));
    draft.supersedes = vec![id(3)];
    draft.not_before = plan.starts.map(at);
    draft.expires_at = plan.ends.map(at);
    draft.renewal = plan.renewal.and_then(|(days, hours)| renewal(days, hours));
    draft.check_in = plan
        .check_in
        .and_then(|(every, more)| check_in(every, every + more));
    draft.trial = plan.trial;
    draft.usage_type = plan.usage_type;
    draft.maintenance_until = plan.maintenance_until.map(at);
    if plan.users {
        draft.users = vec!["alice".to_owned(), "bob".to_owned()];
    }
    if plan.machines {
        draft.machines = vec!["m1".parse().unwrap()];
    }
    if plan.has_server {
        draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    }
    draft
}

fn validation(plan: &ValidationPlan, license: &License) -> Validation {
    let granted = entitlements("PRO", &plan.features, &plan.quotas);
    let draft = ValidationDraft {
        machine: plan.machine.map(str::to_owned),
        entitlements: &granted,
        ..validation_draft(license, plan.status, at(plan.at))
    };
    let key = if plan.by_server { &SERVER } else { &VENDOR };
    sign_validation(&draft, key, license).unwrap()
}
