//! Parsing of a vector and comparison with its expected result.

use std::fs;
use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Outcome;
use license_core::jose::Backend;
use license_core::license::Validation;
use license_core::machine::Machine;
use license_core::policy::{Quota, UsageType};
use license_core::session::SessionId;
use license_core::{
    Context, Decision, FeatureMatrix, License, TrustSet, Unverified, Version, time,
};

use crate::answer::{Accepted, Rejected, installed};

pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Vector {
    pub(crate) fn parse(name: String, text: &str) -> Self {
        let (head, body) = text
            .split_once("\n\n")
            .unwrap_or_else(|| panic!("{name}: expected an empty line after the headers"));
        let header = |line: &str| {
            let (header, value) = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("{name}: expected `header: value`, found `{line}`"));
            (header.to_owned(), value.to_owned())
        };
        Self {
            headers: head.lines().map(header).collect(),
            body: body.to_owned(),
            name,
        }
    }

    fn all<'v>(&'v self, name: &'v str) -> impl Iterator<Item = &'v str> {
        self.headers
            .iter()
            .filter(move |(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        self.get(name)
            .map(|text| time::parse_instant(text).unwrap())
    }

    pub(crate) fn trust(&self, backend: Backend) -> TrustSet {
        let file = self.get("trust").unwrap_or("vendor.jwks");
        TrustSet::parse(&read(&format!("trust/{file}")))
            .unwrap()
            .with_backend(backend)
            .unwrap()
    }

    pub(crate) fn decide(&self, license: &License, backend: Backend) -> Accepted {
        let Some(at) = self.instant("at") else {
            return Accepted::undecided();
        };
        let trust = self.trust(backend);
        let validation = |name: &str| {
            let path = format!("vectors/validations/{name}");
            let body = Vector::parse(name.to_owned(), &read(&path)).body;
            Unverified::parse(&body)
                .unwrap()
                .verify_validation(&trust, license)
                .unwrap()
        };
        let validations: Vec<Validation> = self.all("validation").map(validation).collect();
        let list = |name: &str| {
            let path = format!("vectors/revocations/{name}");
            let body = Vector::parse(name.to_owned(), &read(&path)).body;
            let token = Unverified::parse(&body).unwrap();
            token.verify_revocations(&trust).unwrap()
        };
        let lists: Vec<_> = self.all("revocations").map(list).collect();
        let licenses: Vec<License> = self
            .all("installed")
            .map(|name| installed(name, &trust))
            .collect();
        let lease = self.get("lease").map(|name| {
            let token = read(&format!("tokens/{name}.jwt"));
            let token = Unverified::parse(&token).unwrap();
            license.verify_lease(&token).unwrap()
        });
        let mut context = Context::at(at)
            .validations(&validations)
            .revocations(&lists)
            .installed(&licenses);
        if let Some(lease) = &lease {
            context = context.lease(lease);
        }
        Accepted::decided(
            Vec::new(),
            license.evaluate(FeatureMatrix::built_in(), &self.with_headers(context)),
        )
    }

    /// Adds the values of the headers to a context.
    fn with_headers<'a>(&'a self, mut context: Context<'a>) -> Context<'a> {
        if let Some(user) = self.get("user") {
            context = context.user(user);
        }
        if let Some(machine) = self.get("machine") {
            context = context.machine(Box::leak(Box::new(Machine::parse(machine).unwrap())));
        }
        if let Some(version) = self.get("version") {
            context = context.app_version(Version::parse(version).unwrap());
        }
        if let Some(date) = self.instant("build-date") {
            context = context.build_date(date);
        }
        if let Some(usage) = self.get("usage-type") {
            context = context.usage_type(UsageType::parse(usage).unwrap());
        }
        if let Some(session) = self.get("session") {
            context = context.session(SessionId::parse(session).unwrap());
        }
        if let Some(mark) = self.instant("high-water") {
            context = context.high_water(mark);
        }
        context
    }

    /// Compares a result with the headers and describes the first difference.
    pub(crate) fn compare(&self, result: &Result<Accepted, Rejected>) -> Result<(), String> {
        match result {
            Ok(accepted) => self.compare_accepted(accepted),
            Err(Rejected { code, message }) => {
                expect("code", self.get("expect").unwrap(), code)
                    .map_err(|text| format!("{text}: {message}"))?;
                let part = self.get("message").unwrap_or_default();
                require(message.contains(part), || {
                    format!("expected `{part}` in the message, found `{message}`")
                })
            }
        }
    }

    fn compare_accepted(&self, accepted: &Accepted) -> Result<(), String> {
        expect("code", self.get("expect").unwrap(), accepted.code)?;
        require(self.get("message").is_none(), || {
            "expected an error because of header `message`, but the input is accepted".to_owned()
        })?;
        for (name, actual) in &accepted.values {
            if let Some(expected) = self.get(name) {
                expect(name, expected, actual)?;
            }
        }
        accepted
            .decision
            .as_ref()
            .map_or(Ok(()), |decision| self.compare_decision(decision))
    }

    fn compare_decision(&self, decision: &Decision) -> Result<(), String> {
        // In a grace period, the first warning has the code of the decision.
        let is_grace = decision.outcome() == Outcome::Grace;
        let first = decision.warnings().first().map(|warning| warning.code());
        if is_grace != (first == Some(decision.code())) {
            return Err(format!(
                "expected the code of the decision as the first warning if and only if the outcome \
                 is grace, found outcome {:?} and first warning {first:?}",
                decision.outcome()
            ));
        }
        let warnings: Vec<_> = decision
            .warnings()
            .iter()
            .skip(usize::from(is_grace))
            .map(|warning| warning.code().as_str())
            .collect();
        expect(
            "warnings",
            self.get("warnings").unwrap_or_default(),
            &warnings.join(" "),
        )?;
        if let Some(tier) = self.get("tier") {
            expect("tier", tier, decision.entitlements().tier().as_str())?;
        }
        for (header, allowed) in [("allows", true), ("denies", false)] {
            for feature in self.all(header).flat_map(str::split_whitespace) {
                require(decision.allows(feature) == allowed, || {
                    format!("{header} {feature}: expected {allowed}, found {}", !allowed)
                })?;
            }
        }
        for quota in self.all("quota") {
            let (name, expected) = quota.split_once('=').unwrap();
            let actual = decision.quota(name).map(Quota::to_number);
            let actual = actual.map_or_else(|| "none".to_owned(), |number| number.to_string());
            expect(name, expected, &actual)?;
        }
        Ok(())
    }
}

fn expect(what: &str, expected: &str, actual: &str) -> Result<(), String> {
    require(expected == actual, || {
        format!("{what}: expected `{expected}`, found `{actual}`")
    })
}

fn require(condition: bool, difference: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(difference()) }
}

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
