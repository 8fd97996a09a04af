//! A license, what was said of it and what else is installed, of any making.

use license_core::issue::{LicenseDraft, ValidationDraft};
use license_core::{
    Bundle, CheckIn, Context, Decision, License, Matrix, Renewal, Status, Timestamp, Unverified,
    UsageType, Validation,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{
    DAY, HOUR, SERVER, VENDOR, draft, entitlements, id, issued, machine, mint, public,
};

/// What a license and its surroundings are made of. Instants are steps of six hours from the day of issue, give
/// or take a second, so that bounds are met exactly and are missed by one.
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
    pub(crate) statements: Vec<Statement>,
    pub(crate) mark: Option<Step>,
    pub(crate) is_named: bool,
}

pub(crate) type Step = (u64, i8);

#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) at: Step,
    pub(crate) status: Status,
    pub(crate) machine: Option<&'static str>,
    pub(crate) by_server: bool,
    /// It speaks of the license that this one replaced.
    pub(crate) of_former: bool,
    features: Vec<&'static str>,
    quotas: Vec<(&'static str, i64)>,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    (4..160_u64, -1..=1_i8)
}

pub(crate) fn at((steps, seconds): Step) -> Timestamp {
    let at = issued().plus((steps - 4) * 6 * HOUR);
    match seconds {
        -1 => at.minus(1),
        1 => at.plus(1),
        _ => at,
    }
}

fn statement() -> impl Strategy<Value = Statement> {
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
            |(at, status, machine, by_server, of_former, features, quotas)| Statement {
                at,
                status,
                machine,
                by_server,
                of_former,
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
    let whom = (
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        weighted(0.1, select(&[UsageType::Builder, UsageType::Runtime][..])),
        weighted(0.1, step()),
        weighted(0.1, step()),
        prop::bool::weighted(0.9),
    );
    let seen = (vec(statement(), 0..4), of(step()), any::<bool>());
    (terms, whom, seen).prop_map(|(terms, whom, seen)| Plan {
        starts: terms.0,
        ends: terms.1,
        renewal: terms.2,
        check_in: terms.3,
        trial: terms.4,
        users: whom.0,
        machines: whom.1,
        usage_type: whom.2,
        maintenance_until: whom.3,
        replaced_from: whom.4,
        is_named: whom.5,
        statements: seen.0,
        mark: seen.1,
        has_server: seen.2,
    })
}

/// What was minted by the plan.
pub(crate) struct World {
    pub(crate) license: License,
    pub(crate) validations: Vec<Validation>,
    pub(crate) installed: Vec<License>,
    pub(crate) plan: Plan,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let license = mint(&license_draft(&plan));
        let former = mint(&former_draft(&plan));
        let statements = plan
            .statements
            .iter()
            .filter(|statement| plan.has_server || !statement.by_server);
        let validations = statements
            .map(|statement| match statement.of_former {
                true => validation(statement, &former),
                false => validation(statement, &license),
            })
            .collect();
        let newer = plan.replaced_from.map(|start| mint(&newer_draft(start)));
        let installed = newer.into_iter().chain([license.clone()]).collect();
        Self {
            license,
            validations,
            installed,
            plan,
        }
    }

    /// Says of the license that this one replaced that it rests.
    pub(crate) fn suspend_former(&mut self, at: Timestamp) {
        let former = mint(&former_draft(&self.plan));
        let said = crate::support::statement(&former, Status::Suspended, at);
        let said = crate::support::validated(&said, &VENDOR, &former).unwrap();
        self.validations.push(said);
    }

    /// The license and what else is installed, in one file.
    pub(crate) fn bundle(&self) -> Bundle {
        let newer = self.plan.replaced_from.map(newer_draft);
        let drafts = newer.into_iter().chain([license_draft(&self.plan)]);
        let armor = drafts.map(|draft| {
            let token = draft.sign(&*VENDOR).unwrap();
            Unverified::parse(&token).unwrap().to_armor()
        });
        let file = armor.collect::<String>();
        Bundle::verify(&file, &crate::support::TRUST, Matrix::built_in()).unwrap()
    }

    pub(crate) fn context(&self, clock: Timestamp) -> Context<'_> {
        let context = Context::at(clock)
            .build_date(issued().plus(10 * DAY))
            .validations(&self.validations)
            .installed(&self.installed);
        if self.plan.is_named {
            context.user("alice").machine(machine("m1"))
        } else {
            context
        }
    }

    pub(crate) fn evaluate(&self, context: &Context<'_>) -> Decision {
        self.license.evaluate(Matrix::built_in(), context)
    }

    pub(crate) fn at(&self, clock: Timestamp) -> Decision {
        self.evaluate(&self.context(clock))
    }
}

/// The license that replaces this one.
fn newer_draft(start: Step) -> LicenseDraft {
    let mut newer = draft("PRO", id(2));
    newer.supersedes = vec![id(1)];
    newer.not_before = Some(at(start));
    newer
}

/// The license that this one replaced, of the day before.
fn former_draft(plan: &Plan) -> LicenseDraft {
    let mut draft = draft("PRO", id(3));
    draft.issued_at = Some(issued().minus(DAY));
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
    draft.renewal = plan
        .renewal
        .and_then(|(days, hours)| Renewal::new(days, hours));
    draft.check_in = plan
        .check_in
        .and_then(|(every, more)| CheckIn::new(every, every + more));
    draft.trial = plan.trial;
    draft.usage_type = plan.usage_type;
    draft.maintenance_until = plan.maintenance_until.map(at);
    if plan.users {
        draft.users = vec!["alice".to_owned(), "bob".to_owned()];
    }
    if plan.machines {
        draft.machines = vec!["m1".into()];
    }
    if plan.has_server {
        draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    }
    draft
}

fn validation(statement: &Statement, license: &License) -> Validation {
    let granted = entitlements("PRO", &statement.features, &statement.quotas);
    let said = ValidationDraft {
        machine: statement.machine.map(str::to_owned),
        entitlements: &granted,
        ..crate::support::statement(license, statement.status, at(statement.at))
    };
    let key = if statement.by_server {
        &SERVER
    } else {
        &VENDOR
    };
    crate::support::validated(&said, key, license).unwrap()
}
