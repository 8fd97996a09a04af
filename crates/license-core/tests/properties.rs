//! What holds for every input: of readers, that they undo what writers do and panic at nothing; of the
//! evaluator, that time and a customer's own server can only take away.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what can't be so has failed the test"
)]

mod support;

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::issue::{LicenseDraft, Sign, ValidationDraft};
use license_core::{
    Algorithm, Artefacts, Backend, CheckIn, Code, Company, Context, Date, Decision,
    EnterpriseTerms, Entitlements, KeyExpiry, License, LicenseId, LicenseKey, Matrix, Outcome,
    ProductCode, Quota, Renewal, ShortEnterpriseKey, Signer, StandardKey, Status, Tier, Timestamp,
    TrustSet, TrustedKey, Unverified, UsageType, Validation,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use support::{DAY, HOUR, SERVER, TRUST, VENDOR, draft, entitlements, id, issued, mint, public};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

// ---- Text that is read and written ----

const DASHES: [&str; 12] = [
    "-", "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2015}", "\u{2043}",
    "\u{2212}", "\u{fe58}", "\u{fe63}", "\u{ff0d}",
];
const BREAKS: [&str; 6] = ["\n", "\r\n", "\r", "\n    ", "  \r\n\t", "\u{2028}"];
const AROUND: [(&str, &str); 12] = [
    ("", ""),
    (" ", "\n"),
    ("\u{feff}", "\r\n"),
    ("\t\u{a0}", "\u{200b}"),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("„", "“"),
    ("‘", "’"),
    ("«\u{a0}", "\u{a0}»"),
    ("＂", "＂"),
];

fn standard_key() -> impl Strategy<Value = StandardKey> {
    let names = ("[A-Z][A-Z0-9]{1,15}", "[A-Z][A-Z0-9]{1,15}", "\\PC{1,20}");
    (
        names,
        any::<[u8; 10]>(),
        proptest::option::of(0..=Timestamp::MAX.unix_seconds()),
    )
        .prop_map(|((product, tier, customer), random, end)| {
            StandardKey::of_license(
                ProductCode::parse(&product).unwrap(),
                Tier::parse(&tier).unwrap(),
                &LicenseId::from_random(1_798_761_600_000, &random),
                &customer,
                end.and_then(Timestamp::from_unix_seconds),
            )
        })
}

fn date() -> impl Strategy<Value = Date> {
    let first = Date::parse("1970-01-01").unwrap();
    (0_u64..2_932_897).prop_map(move |days| first.plus_days(days).unwrap())
}

fn terms() -> impl Strategy<Value = EnterpriseTerms> {
    let perpetual = Just(KeyExpiry::Perpetual);
    // The last day of all is how perpetual keys are written.
    let last_day = date().prop_filter("perpetual", |date| date.to_string() != "9999-12-31");
    let expiry = prop_oneof![1 => perpetual, 4 => last_day.prop_map(KeyExpiry::LastDay)];
    (
        "[A-Z][A-Z0-9]{1,15}",
        "[A-Z0-9]{2,16}",
        1..=u32::MAX,
        expiry,
    )
        .prop_map(|(product, company, seats, expiry)| EnterpriseTerms {
            product: ProductCode::parse(&product).unwrap(),
            company: Company::parse(&company).unwrap(),
            seats: NonZeroU32::new(seats).unwrap(),
            expiry,
        })
}

fn full_key() -> impl Strategy<Value = String> {
    (terms(), vec(any::<u8>(), 256..=1024))
        .prop_map(|(terms, signature)| format!("{terms}-{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn short_key() -> impl Strategy<Value = String> {
    (terms(), any::<[u8; 8]>())
        .prop_map(|(terms, signature)| ShortEnterpriseKey::new(terms, &signature).to_string())
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        standard_key().prop_map(|key| key.to_string()),
        full_key(),
        short_key()
    ]
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Well spelled, signed by nobody.
fn token() -> impl Strategy<Value = String> {
    const KINDS: [&str; 4] = [
        "license+jwt",
        "license-validation+jwt",
        "license-revocations+jwt",
        "license-activation+jwt",
    ];
    (
        select(&KINDS[..]),
        "[A-Za-z0-9_-]{43}",
        vec(any::<u8>(), 0..600),
        vec(any::<u8>(), 1..600),
    )
        .prop_map(|(typ, kid, payload, signature)| {
            let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#);
            format!(
                "{}.{}.{}",
                encoded(header.as_bytes()),
                encoded(&payload),
                encoded(&signature)
            )
        })
}

fn instant() -> impl Strategy<Value = Timestamp> {
    let last = Date::parse("9999-12-31").unwrap().end().unix_seconds();
    (0..last).prop_map(|seconds| Timestamp::from_unix_seconds(seconds).unwrap())
}

/// A key that nobody holds the private half of.
fn public_key() -> impl Strategy<Value = TrustedKey> {
    let algorithm = select(&[Algorithm::Rs256, Algorithm::Ps256][..]);
    (
        algorithm,
        vec(any::<u8>(), 256..=512),
        32_768..=u32::MAX / 2,
    )
        .prop_map(|(algorithm, mut modulus, half)| {
            modulus[0] |= 0x80;
            *modulus.last_mut().unwrap() |= 1;
            let exponent = (half * 2 + 1).to_be_bytes();
            let exponent: Vec<_> = exponent.into_iter().skip_while(|&byte| byte == 0).collect();
            TrustedKey::new(algorithm, &modulus, &exponent).unwrap()
        })
}

/// What mail, chat and spreadsheets do to a text of one line; the same choices for the same text.
#[derive(Clone, Debug)]
struct Damage {
    dashes: Vec<&'static str>,
    breaks: Vec<(usize, &'static str)>,
    around: Vec<(&'static str, &'static str)>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let breaks = vec((any::<prop::sample::Index>(), select(&BREAKS[..])), 0..6);
    let breaks = breaks.prop_map(|breaks| {
        breaks
            .into_iter()
            .map(|(at, text)| (at.index(4096), text))
            .collect()
    });
    (
        vec(select(&DASHES[..]), 1..9),
        breaks,
        vec(select(&AROUND[..]), 0..4),
    )
        .prop_map(|(dashes, breaks, around)| Damage {
            dashes,
            breaks,
            around,
        })
}

impl Damage {
    fn dashed(&self, text: &str) -> String {
        let mut dashes = self.dashes.iter().cycle();
        let letters = text.chars().map(|letter| match letter {
            '-' => (*dashes.next().unwrap()).to_owned(),
            letter => letter.to_string(),
        });
        letters.collect()
    }

    fn broken(&self, text: &str) -> String {
        let mut letters: Vec<String> = text.chars().map(String::from).collect();
        for (at, line_break) in &self.breaks {
            let at = at % (letters.len() + 1);
            letters.insert(at, (*line_break).to_owned());
        }
        letters.concat()
    }

    fn wrapped(&self, text: &str) -> String {
        let wrap = |text, (before, after): &(&str, &str)| format!("{before}{text}{after}");
        self.around.iter().fold(text.to_owned(), wrap)
    }

    fn done_to(&self, line: &str) -> String {
        self.wrapped(&self.broken(&self.dashed(line)))
    }

    /// A file keeps its lines, but they may end otherwise, be indented, and have empty ones between them.
    fn done_to_lines(&self, file: &str) -> String {
        let ends = self
            .breaks
            .iter()
            .map(|(at, _)| ["\n", "\r\n", "  \r\n", "\n\n", "\n  "][at % 5]);
        let ends: Vec<_> = ends.chain(["\r\n"]).collect();
        let lines = self
            .dashed(file)
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let lines = lines
            .iter()
            .zip(ends.iter().cycle())
            .map(|(line, end)| format!("{line}{end}"));
        self.wrapped(&lines.collect::<String>())
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_standard_key_reads_as_it_prints(key in standard_key()) {
        let printed = key.to_string();
        prop_assert_eq!(LicenseKey::parse(&printed), Ok(LicenseKey::Standard(key)));
    }

    #[test]
    fn enterprise_keys_print_as_they_read(full in full_key(), short in short_key()) {
        let (read_full, read_short) = (LicenseKey::parse(&full).unwrap(), LicenseKey::parse(&short).unwrap());
        prop_assert!(matches!(read_full, LicenseKey::Enterprise(_)));
        prop_assert!(matches!(read_short, LicenseKey::EnterpriseShort(_)));
        prop_assert_eq!(read_full.to_string(), full);
        prop_assert_eq!(read_short.to_string(), short);
    }

    #[test]
    fn the_short_form_of_a_key_reads_as_it_prints(full in full_key()) {
        let Ok(LicenseKey::Enterprise(key)) = LicenseKey::parse(&full) else { panic!("{full}") };
        let short = LicenseKey::parse(&key.short().to_string());
        prop_assert_eq!(short, Ok(LicenseKey::EnterpriseShort(key.short())));
    }

    #[test]
    fn tokens_read_from_armor_are_those_that_were_put_in(tokens in vec(token(), 1..4)) {
        let armor = |token: &String| Unverified::parse(token).unwrap().to_armor();
        let file: String = tokens.iter().map(armor).collect();
        prop_assert!(file.lines().all(|line| line.len() <= 64));
        let read = Artefacts::parse(&file).unwrap();
        let read: Vec<_> = read.blocks().iter().map(|block| block.token.as_str().to_owned()).collect();
        prop_assert_eq!(read, tokens);
    }

    #[test]
    fn instants_and_dates_read_as_they_print(instant in instant(), date in date()) {
        prop_assert_eq!(Timestamp::parse(&instant.to_string()), Ok(instant));
        prop_assert_eq!(Date::parse(&date.to_string()), Ok(date));
        prop_assert_eq!(Date::parse(&date.compact().to_string()), Ok(date));
        prop_assert_eq!(date.start().date(), Some(date));
        prop_assert_eq!(date.end().minus(1).date(), Some(date));
    }

    #[test]
    fn trust_sets_read_as_they_print(keys in vec(public_key(), 1..4)) {
        let set = TrustSet::new(keys).unwrap();
        let jwks = set.to_jwks();
        prop_assert_eq!(TrustSet::parse(&jwks.to_string()).unwrap().to_jwks(), jwks.clone());
        let pem: String = set.iter().map(|key| key.to_pem().unwrap()).collect();
        prop_assert_eq!(TrustSet::parse(&pem).unwrap().to_jwks(), jwks.clone());
        for &backend in Backend::AVAILABLE {
            prop_assert_eq!(set.with_backend(backend).unwrap().to_jwks(), jwks.clone());
        }
    }

    #[test]
    fn damaged_standard_keys_are_the_same_keys(
        key in standard_key(),
        damage in damage(),
        lower in vec(any::<bool>(), 40),
    ) {
        let printed = key.to_string();
        let letters = printed.chars().zip(lower.iter().cycle());
        let cased: String =
            letters.map(|(letter, &lower)| if lower { letter.to_ascii_lowercase() } else { letter }).collect();
        prop_assert_eq!(LicenseKey::parse(&damage.done_to(&cased)), Ok(LicenseKey::Standard(key)));
    }

    #[test]
    fn damaged_enterprise_keys_are_the_same_keys(full in full_key(), short in short_key(), damage in damage()) {
        for key in [full, short] {
            prop_assert_eq!(LicenseKey::parse(&damage.done_to(&key)).unwrap().to_string(), key);
        }
    }

    #[test]
    fn damaged_tokens_are_the_same_tokens(token in token(), damage in damage()) {
        let damaged = damage.done_to(&token);
        let read = Unverified::parse(&damaged).unwrap();
        prop_assert_eq!(read.as_str(), &token);
        let file = Artefacts::parse(&damaged).unwrap();
        prop_assert_eq!(file.blocks()[0].token.as_str(), &token);
    }

    #[test]
    fn damaged_files_hold_the_same_tokens(tokens in vec(token(), 1..4), damage in damage()) {
        let armor = |token: &String| Unverified::parse(token).unwrap().to_armor();
        let damaged = damage.done_to_lines(&tokens.iter().map(armor).collect::<String>());
        let read = Artefacts::parse(&damaged).unwrap();
        let read: Vec<_> = read.blocks().iter().map(|block| block.token.as_str().to_owned()).collect();
        prop_assert_eq!(read, tokens);
    }
}

// ---- Text that is anything ----

/// Reads the text as everything, and asserts of what is accepted that its canonical form is too.
fn read_as_everything(text: &str) {
    match LicenseKey::parse(text) {
        Ok(key) => assert_eq!(LicenseKey::parse(&key.to_string()), Ok(key)),
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().as_str().is_empty()),
    }
    if let Ok(token) = Unverified::parse(text) {
        assert_eq!(
            Unverified::parse(token.as_str()).unwrap().as_str(),
            token.as_str()
        );
        let _ = token.unverified_claims().map_err(|error| error.to_string());
        assert!(token.verify(&TRUST).is_err(), "nobody has signed it");
    }
    match Artefacts::parse(text) {
        Ok(file) => assert!(!file.blocks().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().as_str().is_empty()),
    }
    if let Ok(set) = TrustSet::parse(text) {
        let jwks = set.to_jwks();
        assert_eq!(TrustSet::parse(&jwks.to_string()).unwrap().to_jwks(), jwks);
    }
    let _ = Matrix::parse(text).map_err(|error| error.to_string());
    if let Ok(instant) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&instant.to_string()), Ok(instant));
    }
    let _ = (
        Date::parse(text),
        LicenseId::parse(text),
        LicenseKey::is_likely(text),
    );
}

/// One change of a text, at a share of its length.
#[derive(Clone, Debug)]
enum Change {
    Remove(usize),
    Insert(String),
    Repeat(usize),
    Cut,
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    let letter = prop_oneof![
        "[-._A-Za-z0-9]",
        "[\\PC]",
        select(
            &[
                "\n", "\r", "\0", "\u{feff}", "–", "“", "{", "}", "\"", "\\u0000", "1e999", "null",
                "[[["
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    let change = prop_oneof![
        (1..20_usize).prop_map(Change::Remove),
        letter.prop_map(Change::Insert),
        (1..40_usize).prop_map(Change::Repeat),
        Just(Change::Cut),
    ];
    vec((any::<prop::sample::Index>(), change), 1..5)
}

fn changed(text: &str, changes: &[(prop::sample::Index, Change)]) -> String {
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    for (at, change) in changes {
        let at = at.index(letters.len() + 1);
        let span = |count: usize| at..(at + count).min(letters.len());
        match change {
            Change::Remove(count) => drop(letters.drain(span(*count))),
            Change::Insert(text) => letters.insert(at, text.clone()),
            Change::Repeat(count) => {
                let again = letters[span(*count)].to_vec();
                letters.splice(at..at, again);
            }
            Change::Cut => letters.truncate(at),
        }
    }
    letters.concat()
}

fn some_text() -> impl Strategy<Value = String> {
    let armor = token().prop_map(|token| Unverified::parse(&token).unwrap().to_armor());
    let jwks = public_key().prop_map(|key| key.to_jwk().to_string());
    let pem = public_key().prop_map(|key| key.to_pem().unwrap());
    let matrix = Just(Matrix::built_in_text().to_owned());
    prop_oneof![
        any_key(),
        token(),
        armor,
        jwks,
        pem,
        matrix,
        instant().prop_map(|at| at.to_string())
    ]
}

/// The claims of a license that uses every one of them.
fn claims() -> String {
    serde_json::json!({
        "ver": 1, "iss": "CODITECT", "aud": "CODITECT", "sub": "customer-1", "jti": id(1).as_str(),
        "serial": 7, "supersedes": [id(2).as_str()], "iat": 1_798_761_600, "nbf": 1_798_761_600,
        "exp": 1_830_297_600, "tier": "PRO", "features": ["cloud_sync"], "quotas": {"agents": 52},
        "seats": 5, "devices": 2, "usage_type": "builder", "trial": true,
        "check_in": {"every_hours": 24, "grace_hours": 168},
        "renewal": {"notify_days": 14, "grace_hours": 72},
        "maintenance_until": 1_830_297_600, "max_version": "<3.0.0", "machines": ["m1"],
        "users": ["alice"], "company": "ACME", "cnf": {"jwk": public(&SERVER).to_jwk()},
        "crit": ["seats"], "ext": {"a": [1, {"b": null}]},
    })
    .to_string()
}

/// A token as the vendor would sign it if its tools were broken.
fn signed(typ: &str, payload: &str) -> String {
    let kid = VENDOR.public().id();
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{typ}"}}"#);
    let signed = format!(
        "{}.{}",
        encoded(header.as_bytes()),
        encoded(payload.as_bytes())
    );
    let signature = VENDOR.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encoded(&signature))
}

fn evaluate_at_extremes(license: &License) {
    for now in [Timestamp::MIN, issued(), Timestamp::MAX] {
        for mark in [Timestamp::MIN, Timestamp::MAX] {
            let context = Context::at(now)
                .high_water(mark)
                .user("alice")
                .machine("m1");
            let decision = license.evaluate(Matrix::built_in(), &context);
            assert_eq!(
                decision.evidence().to_json()["expected"],
                decision.evidence().expected()
            );
            assert_eq!(license.explain(Matrix::built_in(), &context).len(), 11);
        }
    }
}

/// Numbers at the edges of what is accepted, and any other.
fn number() -> impl Strategy<Value = i64> {
    const SAFE: i64 = (1 << 53) - 1;
    let edges = [
        i64::MIN,
        -2,
        -1,
        0,
        1,
        (1 << 32) - 1,
        1 << 32,
        (1 << 32) + 1,
        SAFE,
        SAFE + 1,
        i64::MAX,
    ];
    prop_oneof![select(edges.to_vec()), any::<i64>(), 0..SAFE]
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn readers_panic_at_no_text(text in prop_oneof![any::<String>(), "\\PC*", "[-A-Z0-9]{0,60}"]) {
        read_as_everything(&text);
    }

    #[test]
    fn readers_panic_at_no_damaged_text(text in some_text(), changes in changes()) {
        read_as_everything(&changed(&text, &changes));
    }

    #[test]
    fn a_damaged_header_panics_nowhere(changes in changes()) {
        let header = r#"{"alg":"RS256","kid":"k","typ":"license+jwt"}"#;
        let header = changed(header, &changes);
        read_as_everything(&format!("{}.e30.AAAA", encoded(header.as_bytes())));
    }

    /// Claims are read after the signature has held, but a vendor's tools may be broken.
    #[test]
    fn damaged_claims_that_were_signed_panic_nowhere(changes in changes()) {
        let token = signed("license+jwt", &changed(&claims(), &changes));
        match Unverified::parse(&token).unwrap().verify(&TRUST) {
            Ok(license) => evaluate_at_extremes(&license),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn no_number_in_a_claim_overflows(
        claim in select(&["serial", "iat", "nbf", "exp", "seats", "devices", "maintenance_until"][..]),
        number in number(),
        terms in [number(), number()],
    ) {
        let mut claims: serde_json::Value = serde_json::from_str(&claims()).unwrap();
        claims[claim] = number.into();
        claims["check_in"] = serde_json::json!({"every_hours": terms[0], "grace_hours": terms[1]});
        claims["renewal"] = serde_json::json!({"notify_days": terms[1], "grace_hours": terms[0]});
        let token = signed("license+jwt", &claims.to_string());
        if let Ok(license) = Unverified::parse(&token).unwrap().verify(&TRUST) {
            evaluate_at_extremes(&license);
            let _ = license.short_enterprise_key(Matrix::built_in());
        }
    }

    #[test]
    fn terms_that_are_accepted_never_overflow(first in number(), second in number(), end in any::<bool>()) {
        let (first, second) = (first.unsigned_abs(), second.unsigned_abs());
        let (check_in, renewal) = (CheckIn::new(first, second), Renewal::new(first, second));
        prop_assert_eq!(check_in.is_some(), first >= 1 && first <= second && second <= 1 << 32);
        prop_assert_eq!(renewal.is_some(), first <= 1 << 32 && second <= 1 << 32);
        let mut draft = draft("PRO", id(1));
        draft.check_in = check_in;
        draft.renewal = renewal;
        draft.expires_at = Some(if end { Timestamp::MAX } else { issued().plus(DAY) });
        evaluate_at_extremes(&mint(&draft));
    }
}

// ---- Evaluation ----

/// What a license and its surroundings are made of. Instants are steps of six hours from the day of issue, give
/// or take a second, so that bounds are met exactly and are missed by one.
#[derive(Clone, Debug)]
struct Plan {
    starts: Option<Step>,
    ends: Option<Step>,
    renewal: Option<(u64, u64)>,
    check_in: Option<(u64, u64)>,
    trial: bool,
    users: bool,
    machines: bool,
    usage_type: Option<UsageType>,
    maintenance_until: Option<Step>,
    has_server: bool,
    replaced_from: Option<Step>,
    statements: Vec<Statement>,
    mark: Option<Step>,
    is_named: bool,
}

type Step = (u64, i8);

#[derive(Clone, Debug)]
struct Statement {
    at: Step,
    status: Status,
    machine: Option<&'static str>,
    by_server: bool,
    features: Vec<&'static str>,
    quotas: Vec<(&'static str, i64)>,
}

fn step() -> impl Strategy<Value = Step> {
    (4..160_u64, -1..=1_i8)
}

fn at((steps, seconds): Step) -> Timestamp {
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
        features,
        vec(quota, 0..4),
    )
        .prop_map(
            |(at, status, machine, by_server, features, quotas)| Statement {
                at,
                status,
                machine,
                by_server,
                features,
                quotas,
            },
        )
}

fn plan() -> impl Strategy<Value = Plan> {
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
struct World {
    license: License,
    validations: Vec<Validation>,
    installed: Vec<License>,
    plan: Plan,
}

impl World {
    fn new(plan: Plan) -> Self {
        let license = mint(&license_draft(&plan));
        let statements = plan
            .statements
            .iter()
            .filter(|statement| plan.has_server || !statement.by_server);
        let validations = statements
            .map(|statement| validation(statement, &license))
            .collect();
        let newer = plan.replaced_from.map(|start| {
            let mut newer = draft("PRO", id(2));
            newer.supersedes = vec![license.id().clone()];
            newer.not_before = Some(at(start));
            mint(&newer)
        });
        let installed = newer.into_iter().chain([license.clone()]).collect();
        Self {
            license,
            validations,
            installed,
            plan,
        }
    }

    fn context(&self, clock: Timestamp) -> Context<'_> {
        let context = Context::at(clock)
            .build_date(issued().plus(10 * DAY))
            .validations(&self.validations)
            .installed(&self.installed);
        if self.plan.is_named {
            context.user("alice").machine("m1")
        } else {
            context
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Decision {
        self.license.evaluate(Matrix::built_in(), context)
    }

    fn at(&self, clock: Timestamp) -> Decision {
        self.evaluate(&self.context(clock))
    }
}

fn license_draft(plan: &Plan) -> LicenseDraft {
    let mut draft = draft("PRO", id(1));
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
        draft.machines = vec!["m1".to_owned()];
    }
    if plan.has_server {
        draft.confirmation = Some(public(&SERVER).to_jwk());
    }
    draft
}

fn validation(statement: &Statement, license: &License) -> Validation {
    let granted = entitlements("PRO", &statement.features, &statement.quotas);
    let said = ValidationDraft {
        machine: statement.machine.map(str::to_owned),
        entitlements: &granted,
        ..support::statement(license, statement.status, at(statement.at))
    };
    let key = if statement.by_server {
        &SERVER
    } else {
        &VENDOR
    };
    support::validated(&said, key, license).unwrap()
}

/// Everything that a decision says, except that the clock is behind.
fn said(decision: &Decision) -> impl PartialEq + std::fmt::Debug + use<> {
    let warnings = decision
        .warnings()
        .iter()
        .filter(|warning| warning.code != Code::ClockBehind);
    (
        (
            decision.outcome(),
            decision.code(),
            decision.rule(),
            decision.evaluated_at(),
        ),
        decision.entitlements().clone(),
        decision.evidence().clone(),
        warnings.cloned().collect::<Vec<_>>(),
    )
}

fn is_behind(decision: &Decision) -> bool {
    decision
        .warnings()
        .iter()
        .any(|warning| warning.code == Code::ClockBehind)
}

/// Whether the first allows nothing that the second does not.
fn is_within(first: &Entitlements, second: &Entitlements) -> bool {
    let quota =
        |(name, quota): (&str, Quota)| second.quota(name).is_some_and(|bound| quota <= bound);
    first.features().all(|feature| second.allows(feature)) && first.quotas().all(quota)
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn a_later_now_is_never_better(plan in plan(), steps in vec(step(), 2..12)) {
        let world = World::new(plan);
        let start = world.license.not_before().unwrap();
        let mut instants: Vec<_> = steps.into_iter().map(at).collect();
        instants.sort_unstable();
        let decisions = instants.iter().map(|&now| world.at(now)).filter(|decision| decision.evaluated_at() >= start);
        let decisions: Vec<_> = decisions.collect();
        for (earlier, later) in decisions.iter().zip(decisions.iter().skip(1)) {
            prop_assert!(later.outcome() <= earlier.outcome(), "{:?} then {:?}", earlier, later);
            if later.outcome() != Outcome::Denied {
                prop_assert_eq!(later.entitlements(), earlier.entitlements());
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decision(plan in plan(), now in step()) {
        let (one, other) = (World::new(plan.clone()), World::new(plan));
        let (one, other) = (one.at(at(now)), other.at(at(now)));
        prop_assert_eq!(said(&one), said(&other));
        prop_assert_eq!(is_behind(&one), is_behind(&other));
        for feature in ["cloud_sync", "sso", "nothing"] {
            let answers = [&one, &other].map(|decision| decision.feature(feature, Matrix::built_in()));
            prop_assert_eq!(&answers[0], &answers[1]);
        }
    }

    /// Files are read in the order in which a directory lists them.
    #[test]
    fn the_order_of_artefacts_does_not_matter(plan in plan(), now in step()) {
        let mut plan = plan;
        plan.statements.sort_by_key(|statement| at(statement.at));
        plan.statements.dedup_by_key(|statement| at(statement.at));
        let mut world = World::new(plan);
        let decision = world.at(at(now));
        world.validations.reverse();
        world.installed.reverse();
        prop_assert_eq!(said(&decision), said(&world.at(at(now))));
    }

    /// Else whoever holds an older and a newer statement of one second could choose between them.
    #[test]
    fn of_statements_of_one_second_the_stricter_counts(plan in plan(), when in step(), now in step()) {
        let mut plan = plan;
        plan.statements.iter_mut().for_each(|statement| statement.at = when);
        let mut world = World::new(plan);
        let decision = world.at(at(now));
        world.validations.reverse();
        prop_assert_eq!(decision.outcome(), world.at(at(now)).outcome());
        let matching = world.plan.statements.iter().filter(|statement| {
            let here = world.plan.is_named && statement.machine == Some("m1");
            (here || statement.machine.is_none()) && (world.plan.has_server || !statement.by_server)
        });
        if matching.clone().any(|statement| statement.status != Status::Active) {
            prop_assert_eq!(decision.outcome(), Outcome::Denied);
        }
    }

    #[test]
    fn a_clock_set_back_gains_nothing(plan in plan(), clock in step()) {
        let world = World::new(plan);
        let context = match world.plan.mark {
            Some(mark) => world.context(at(clock)).high_water(at(mark)),
            None => world.context(at(clock)),
        };
        let decision = world.evaluate(&context);
        let issue_dates = world.validations.iter().map(Validation::issued_at);
        let latest = issue_dates.chain(world.plan.mark.map(at)).chain([issued(), at(clock)]).max().unwrap();
        prop_assert_eq!(decision.evaluated_at(), latest);
        let right = world.at(latest);
        prop_assert_eq!(said(&decision), said(&right));
        prop_assert!(!is_behind(&right));
        prop_assert_eq!(is_behind(&decision), latest.seconds_since(at(clock)) > DAY);
    }

    #[test]
    fn denied_leaves_the_base_tier(plan in plan(), now in step()) {
        let decision = World::new(plan).at(at(now));
        let base = Matrix::built_in().base_tier().entitlements();
        if decision.outcome() == Outcome::Denied {
            prop_assert_eq!(decision.entitlements(), &**base);
        }
    }

    /// Compared with the same case in which the server is silent.
    #[test]
    fn a_server_never_adds_and_never_lifts_what_the_vendor_denied(plan in plan(), now in step()) {
        let mut world = World::new(plan);
        let decision = world.at(at(now));
        world.validations.retain(|validation| validation.signer() == Signer::Vendor);
        let silent = world.at(at(now));
        if decision.outcome() != Outcome::Denied && silent.outcome() != Outcome::Denied {
            prop_assert!(is_within(decision.entitlements(), silent.entitlements()));
            prop_assert_eq!(decision.entitlements().tier(), silent.entitlements().tier());
        }
        if matches!(silent.code(), Code::Revoked | Code::Suspended | Code::Canceled) {
            prop_assert_eq!(decision.outcome(), Outcome::Denied);
        }
    }

    #[test]
    fn what_the_vendor_said_last_replaces_what_was_bought(plan in plan(), now in step()) {
        let mut plan = plan;
        plan.statements.retain(|statement| !statement.by_server);
        plan.statements.sort_by_key(|statement| at(statement.at));
        plan.statements.dedup_by_key(|statement| at(statement.at));
        let world = World::new(plan);
        let machine = world.plan.is_named.then_some("m1");
        let mut validations = world.validations.iter().rev();
        let newest = validations.find(|said| said.machine().is_none() || said.machine() == machine);
        let decision = world.at(at(now));
        if decision.outcome() != Outcome::Denied {
            let granted = newest.map_or(world.license.entitlements(), |said| said.entitlements());
            prop_assert_eq!(decision.entitlements(), granted);
        }
    }
}
