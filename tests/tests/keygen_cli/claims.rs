//! Claims that the options of `keygen issue` set.

use super::*;

const PERPETUAL_PRO: [&str; 3] = ["--tier", "pro", "--perpetual"];
/// 2020-01-01T00:00:00Z, the time of issue of `Vendor::issue`.
const ISSUED: u64 = 1_577_836_800;
const DAY: u64 = 86_400;

#[track_caller]
fn claims_of(terms: &[&str]) -> Value {
    Vendor::shared().issue(terms).claims()
}

#[track_caller]
fn pro_claims_with(terms: &[&str]) -> Value {
    claims_of(&[&PERPETUAL_PRO, terms].concat())
}

fn features(claims: &Value) -> Vec<&str> {
    let features = claims["features"].as_array().unwrap();
    features.iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn every_license_has_the_required_claims() {
    let claims = claims_of(&PERPETUAL_PRO);
    assert_eq!(claims["ver"], 1);
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("CODITECT"), &json!("CODITECT"))
    );
    assert_eq!(
        (&claims["sub"], &claims["iat"]),
        (&json!("ACME Ltd"), &json!(ISSUED))
    );
    let id = claims["jti"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "7"), "a UUID of version 7");
    for absent in [
        "exp",
        "nbf",
        "trial",
        "crit",
        "seats",
        "users",
        "usage_type",
    ] {
        assert_eq!(claims.get(absent), None, "{absent}");
    }
}

#[test]
fn serials_increase_and_ids_differ() {
    let (first, second) = (claims_of(&PERPETUAL_PRO), claims_of(&PERPETUAL_PRO));
    assert!(first["serial"].as_u64() < second["serial"].as_u64());
    assert_ne!(first["jti"], second["jti"]);
    assert_ne!(first["key"], second["key"]);
}

#[test]
fn a_tier_sets_its_quotas_and_policies() {
    let check_in = json!({"every_hours": 24, "grace_hours": 168});
    let renewal = |days, hours| json!({"notify_days": days, "grace_hours": hours});
    let tiers = [
        ("free", [10, 10, 81, 1, 1], 3, Value::Null, Value::Null),
        (
            "pro",
            [-1, 52, 81, 1, -1],
            12,
            check_in.clone(),
            renewal(14, 72),
        ),
        ("team", [-1, 52, 81, 5, 5], 18, check_in, renewal(14, 72)),
        (
            "ent",
            [-1, 52, 81, -1, -1],
            26,
            Value::Null,
            renewal(30, 168),
        ),
    ];
    for (tier, [commands, agents, slash, users, devices], count, check_in, renewal) in tiers {
        let claims = claims_of(&["--perpetual", "--tier", tier]);
        assert_eq!(claims["tier"], tier.to_uppercase());
        let quotas = json!({
            "commands_per_day": commands, "agents": agents, "slash_commands": slash,
            "users": users, "devices": devices,
        });
        assert_eq!(claims["quotas"], quotas, "{tier}");
        assert_eq!(features(&claims).len(), count, "{tier}");
        assert_eq!(
            (&claims["check_in"], &claims["renewal"]),
            (&check_in, &renewal),
            "{tier}"
        );
    }
}

#[test]
fn the_tier_is_case_insensitive() {
    assert_eq!(claims_of(&["--perpetual", "--tier", "ENT"])["tier"], "ENT");
}

#[test]
fn the_customer_claim_is_unchanged() {
    let odd = "Žofie \"&\" Söhne\u{1b}[31m\u{202e}\n";
    assert_eq!(pro_claims_with(&["--customer", odd])["sub"], odd);
}

#[test]
fn the_day_of_expires_is_included() {
    let claims = claims_of(&["--tier", "pro", "--expires", "2020-01-31"]);
    assert_eq!(claims["exp"], ISSUED + 31 * DAY);
}

#[test]
fn days_count_from_the_day_after_the_first() {
    let claims = claims_of(&words(
        "--tier pro --days 1 --issued-at 2020-01-01T18:00:00Z",
    ));
    assert_eq!(claims["iat"], ISSUED + DAY * 3 / 4);
    assert_eq!(
        claims["exp"],
        ISSUED + 2 * DAY,
        "the first day is not cut short"
    );
}

#[test]
fn days_count_from_the_start_if_that_is_later() {
    let claims = claims_of(&["--tier", "pro", "--days", "1", "--not-before", "2020-01-11"]);
    assert_eq!(claims["nbf"], ISSUED + 10 * DAY);
    assert_eq!(claims["exp"], ISSUED + 12 * DAY);
}

#[test]
fn seats_are_a_claim_and_a_quota() {
    let claims = claims_of(&["--perpetual", "--tier", "team", "--seats", "20"]);
    assert_eq!(
        (&claims["seats"], &claims["quotas"]["users"]),
        (&json!(20), &json!(20))
    );
}

#[test]
fn devices_are_a_claim_and_a_quota() {
    let claims = pro_claims_with(&["--devices", "3"]);
    assert_eq!(
        (&claims["devices"], &claims["quotas"]["devices"]),
        (&json!(3), &json!(3))
    );
}

#[test]
fn features_are_added_and_removed() {
    let claims = pro_claims_with(&words(
        "--add-feature sso --add-feature brand_new --remove-feature hooks --remove-feature cloud_sync",
    ));
    let (found, usual) = (features(&claims), claims_of(&PERPETUAL_PRO));
    assert!(found.contains(&"sso") && found.contains(&"brand_new"));
    assert!(!found.contains(&"hooks") && !found.contains(&"cloud_sync"));
    assert_eq!(found.len(), features(&usual).len());
}

#[test]
fn quotas_are_set_over_those_of_the_tier() {
    let claims = pro_claims_with(&["--quota", "agents=-1", "--quota", "builds_per_day=7"]);
    assert_eq!(
        (
            &claims["quotas"]["agents"],
            &claims["quotas"]["builds_per_day"]
        ),
        (&json!(-1), &json!(7))
    );
    assert_eq!(claims["quotas"]["slash_commands"], 81);
}

#[test]
fn offline_removes_the_check_in() {
    assert_eq!(pro_claims_with(&["--offline"]).get("check_in"), None);
}

#[test]
fn check_in_and_grace_are_set_together_or_alone() {
    let terms = |every, grace| json!({"every_hours": every, "grace_hours": grace});
    assert_eq!(
        pro_claims_with(&["--check-in", "48"])["check_in"],
        terms(48, 168)
    );
    assert_eq!(
        pro_claims_with(&["--grace", "48"])["check_in"],
        terms(24, 48)
    );
    assert_eq!(
        pro_claims_with(&["--check-in", "1", "--grace", "2"])["check_in"],
        terms(1, 2)
    );
    let free = claims_of(&["--perpetual", "--tier", "free", "--check-in", "12"]);
    assert_eq!(free["check_in"], terms(12, 24), "the grace of its tier");
}

#[test]
fn usage_type_users_and_company_are_claims() {
    let claims = pro_claims_with(&words(
        "--usage-type runtime --user alice --user bob --company ACME",
    ));
    assert_eq!(claims["usage_type"], "runtime");
    assert_eq!(claims["users"], json!(["alice", "bob"]));
    assert_eq!(claims["company"], "ACME");
}

#[test]
fn the_last_maintenance_day_is_included_and_max_version_is_a_requirement() {
    let claims = pro_claims_with(&words(
        "--maintenance-until 2020-01-01 --max-version <3.0.0",
    ));
    assert_eq!(claims["maintenance_until"], ISSUED + DAY - 1);
    assert_eq!(claims["max_version"], "<3.0.0");
}

#[test]
fn the_issuer_is_the_name_of_the_vendor() {
    assert_eq!(
        pro_claims_with(&["--issuer", "Reseller Inc"])["iss"],
        "Reseller Inc"
    );
}

#[test]
fn a_product_file_replaces_product_tiers_and_features() {
    let workstation = Vendor::shared().workstation();
    workstation.write("widget.toml", WIDGET);
    let issue = words("--product-file widget.toml --tier pro --days 10 --json");
    let issue = issued(&workstation, &[&issue[..], &["--out", "-"]].concat()).expect_code(0);
    let claims = payload(issue.json()["token"].as_str().unwrap());
    assert_eq!(
        (&claims["aud"], &claims["iss"]),
        (&json!("WIDGET"), &json!("Widget Makers"))
    );
    assert_eq!(claims["features"], json!(["polish", "turn"]));
    assert_eq!(claims["quotas"], json!({"turns_per_day": -1}));
    assert!(claims["key"].as_str().unwrap().starts_with("WIDGET-PRO-"));
}

const WIDGET: &str = r#"
    product = "WIDGET"
    issuer = "Widget Makers"
    base_tier = "FREE"

    [[tiers]]
    name = "FREE"
    offline_grace_hours = 24
    features = ["turn"]
    quotas = { turns_per_day = 3 }

    [[tiers]]
    name = "PRO"
    extends = "FREE"
    offline_grace_hours = 24
    features = ["polish"]
    quotas = { turns_per_day = -1 }
"#;
