//! One vector: how it is read, and what it demands.

use std::fs;
use std::path::PathBuf;

use license_core::{
    Backend, Context, Decision, License, Machine, Matrix, Outcome, Quota, Timestamp, TrustSet,
    Unverified, UsageType, Validation, Version,
};

use crate::answer::{Answer, Refusal, installed};

pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Vector {
    pub(crate) fn parse(name: String, text: &str) -> Self {
        let (head, body) = text
            .split_once("\n\n")
            .unwrap_or_else(|| panic!("{name}: no empty line"));
        let header = |line: &str| {
            let (header, value) = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("{name}: {line}"));
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

    pub(crate) fn instant(&self, name: &str) -> Option<Timestamp> {
        self.get(name).map(|text| Timestamp::parse(text).unwrap())
    }

    pub(crate) fn trust(&self, backend: Backend) -> TrustSet {
        let file = self.get("trust").unwrap_or("vendor.jwks");
        TrustSet::parse(&read(&format!("trust/{file}")))
            .unwrap()
            .with_backend(backend)
            .unwrap()
    }

    pub(crate) fn decide(&self, license: &License, backend: Backend) -> Answer {
        let Some(at) = self.instant("at") else {
            return Answer::undecided();
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
        let context = Context::at(at)
            .validations(&validations)
            .revocations(&lists)
            .installed(&licenses);
        Answer::decided(
            Vec::new(),
            license.evaluate(Matrix::built_in(), &self.with_facts(context)),
        )
    }

    fn with_facts<'a>(&'a self, mut context: Context<'a>) -> Context<'a> {
        if let Some(user) = self.get("user") {
            context = context.user(user);
        }
        if let Some(machine) = self.get("machine") {
            context = context.machine(Box::leak(Box::new(Machine::parse(machine))));
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
        if let Some(mark) = self.instant("high-water") {
            context = context.high_water(mark);
        }
        context
    }

    pub(crate) fn compare(&self, outcome: &Result<Answer, Refusal>) -> Result<(), String> {
        match outcome {
            Ok(answer) => self.compare_answer(answer),
            Err(Refusal { code, message }) => {
                expect("code", self.get("expect").unwrap(), code)
                    .map_err(|text| format!("{text}: {message}"))?;
                let part = self.get("message").unwrap_or_default();
                require(message.contains(part), || {
                    format!("no `{part}` in `{message}`")
                })
            }
        }
    }

    fn compare_answer(&self, answer: &Answer) -> Result<(), String> {
        expect("code", self.get("expect").unwrap(), answer.code)?;
        require(self.get("message").is_none(), || {
            "has a message, and is not refused".to_owned()
        })?;
        for (name, actual) in &answer.facts {
            if let Some(expected) = self.get(name) {
                expect(name, expected, actual)?;
            }
        }
        answer
            .decision
            .as_ref()
            .map_or(Ok(()), |decision| self.compare_decision(decision))
    }

    fn compare_decision(&self, decision: &Decision) -> Result<(), String> {
        // Of grace a warning of its own tells, with the code of the decision.
        let is_grace = decision.outcome() == Outcome::Grace;
        let own = decision.warnings().first().map(|warning| warning.code);
        if is_grace != (own == Some(decision.code())) {
            return Err("a decision in grace, and no other, warns of it first".to_owned());
        }
        let warnings: Vec<_> = decision
            .warnings()
            .iter()
            .skip(usize::from(is_grace))
            .map(|warning| warning.code.as_str())
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
                    format!("{header} {feature}: no")
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

fn require(met: bool, difference: impl FnOnce() -> String) -> Result<(), String> {
    if met { Ok(()) } else { Err(difference()) }
}

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
