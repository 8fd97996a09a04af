//! Claims that the options of `keygen issue` set.

use super::*;

const PERPETUAL_PRO: [&str; 3] = ["--tier", "pro", "--perpetual"];
/// 2020-01-01T00:00:00Z, the issue date of the licenses from `Vendor::issue`.
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

/// Each case lists JSON pointers to claims with their values. `null` means that the claim is
/// absent.
#[test]
fn options_set_claims() {
    let unusual = "Žofie \"&\" Söhne\u{1b}[31m\u{202e}\n";
    let check_in = |every, grace| json!({"every_hours": every, "grace_hours": grace});
    let cases: [(&str, Vec<&str>, Value); 19] = [
        (
            "the tier is case-insensitive",
            words("--tier ENT --perpetual"),
            json!({"/tier": "ENT"}),
        ),
        (
            "the name of the customer is unchanged",
            [&PERPETUAL_PRO[..], &["--customer", unusual]].concat(),
            json!({"/sub": unusual}),
        ),
        (
            "the issuer is the name of the vendor",
            [&PERPETUAL_PRO[..], &["--issuer", "Reseller Inc"]].concat(),
            json!({"/iss": "Reseller Inc"}),
        ),
        (
            "the day of --expires is included",
            words("--tier pro --expires 2020-01-31"),
            json!({"/exp": ISSUED + 31 * DAY}),
        ),
        (
            "days are counted from the day after the first day, which is not cut short",
            words("--tier pro --days 1 --issued-at 2020-01-01T18:00:00Z"),
            json!({"/iat": ISSUED + DAY * 3 / 4, "/exp": ISSUED + 2 * DAY}),
        ),
        (
            "days are counted from the start if the start is later",
            words("--tier pro --days 1 --not-before 2020-01-11"),
            json!({"/nbf": ISSUED + 10 * DAY, "/exp": ISSUED + 12 * DAY}),
        ),
        (
            "seats are a claim and a quota",
            words("--tier team --perpetual --seats 20"),
            json!({"/seats": 20, "/quotas/users": 20}),
        ),
        (
            "the quota of seats is the number of seats",
            words("--tier team --perpetual --quota users=20"),
            json!({"/seats": 20, "/quotas/users": 20}),
        ),
        (
            "an unlimited quota of seats is no number",
            words("--tier team --perpetual --quota users=-1"),
            json!({"/seats": null, "/quotas/users": -1}),
        ),
        (
            "fewer seats than the tier includes are issued with --force",
            words("--tier team --perpetual --seats 4 --force"),
            json!({"/seats": 4, "/quotas/users": 4}),
        ),
        (
            "devices are a claim and a quota",
            words("--tier pro --perpetual --devices 3"),
            json!({"/devices": 3, "/quotas/devices": 3}),
        ),
        (
            "a quota option replaces the quota of the tier, and the other quotas remain",
            words("--tier pro --perpetual --quota agents=-1 --quota builds_per_day=7"),
            json!({"/quotas/agents": -1, "/quotas/builds_per_day": 7, "/quotas/slash_commands": 81}),
        ),
        (
            "an offline license requires no check-in",
            words("--tier pro --perpetual --offline"),
            json!({"/check_in": null}),
        ),
        (
            "--check-in sets the interval and keeps the grace period of the tier",
            words("--tier pro --perpetual --check-in 48"),
            json!({"/check_in": check_in(48, 168)}),
        ),
        (
            "--grace sets the grace period and keeps the interval of the tier",
            words("--tier pro --perpetual --grace 48"),
            json!({"/check_in": check_in(24, 48)}),
        ),
        (
            "--check-in and --grace set the interval and the grace period",
            words("--tier pro --perpetual --check-in 1 --grace 2"),
            json!({"/check_in": check_in(1, 2)}),
        ),
        (
            "--check-in adds check-ins with the grace period of a tier that has none",
            words("--tier free --perpetual --check-in 12"),
            json!({"/check_in": check_in(12, 24)}),
        ),
        (
            "the usage type, the users and the company are claims",
            words(
                "--tier pro --perpetual --usage-type runtime --user alice --user bob --company ACME",
            ),
            json!({"/usage_type": "runtime", "/users": ["alice", "bob"], "/company": "ACME"}),
        ),
        (
            "the last day of maintenance is included, and the version is a requirement",
            words("--tier pro --perpetual --maintenance-until 2020-01-01 --max-version <3.0.0"),
            json!({"/maintenance_until": ISSUED + DAY - 1, "/max_version": "<3.0.0"}),
        ),
    ];
    for (name, terms, values) in cases {
        let claims = claims_of(&terms);
        for (pointer, value) in values.as_object().unwrap() {
            let expected = (!value.is_null()).then_some(value);
            assert_eq!(claims.pointer(pointer), expected, "{name}: {pointer}");
        }
    }
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

#[test]
fn more_users_than_seats_cause_a_note() {
    let workstation = Vendor::shared().workstation();
    for (seats, is_noted) in [("1", true), ("2", false)] {
        let terms = ["--tier", "pro", "--perpetual", "--seats", seats];
        let users = ["--user", "a", "--user", "b", "--no-ledger"];
        let outcome = issued(&workstation, &[&terms[..], &users].concat()).expect_code(0);
        let note = "2 users are named for 1 seat; use --seats 2";
        assert_eq!(outcome.stderr.contains(note), is_noted, "{outcome:?}");
    }
}
