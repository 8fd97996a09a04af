//! A vendor sells a product of its own: from `keygen product init` to the program of a customer.
//!
//! The product is called PHOTON, and its tiers are Hobby, Studio and Site.

use std::ffi::OsStr;
use std::path::PathBuf;

use license_tests::{Vendor, programs};

use super::*;

/// The name of the vendor's build of `license`.
const PROGRAM: &str = "photon-license";

/// The vendor's changes to a new product file: the text before and after.
const EDITS: [(&str, &str); 16] = [
    ("label = \"PHOTON\"", "label = \"Photon\""),
    ("issuer = \"PHOTON\"", "issuer = \"Photon Ltd\""),
    ("\"FREE\"", "\"HOBBY\""),
    ("\"Free\"", "\"Hobby\""),
    ("\"PRO\"", "\"STUDIO\""),
    ("\"Professional\"", "\"Studio\""),
    ("\"ENT\"", "\"SITE\""),
    ("\"Enterprise\"", "\"Site\""),
    ("\"basics\"", "\"render\""),
    ("basics =", "render ="),
    ("\"Basic functions\"", "\"Rendering\""),
    ("reports =", "batch ="),
    ("\"reports\"", "\"batch\""),
    ("\"Reports\"", "\"Batch rendering\""),
    ("requests_per_day", "renders_per_day"),
    ("\"Requests per day\"", "\"Renders per day\""),
];

/// The vendor's workstation with the product file, the keys and a license of each tier, and the
/// vendor's build of `license`.
struct PhotonVendor {
    workstation: Scratch,
    program: PathBuf,
}

static VENDOR: LazyLock<PhotonVendor> = LazyLock::new(PhotonVendor::create);

impl PhotonVendor {
    fn create() -> Self {
        let workstation = Vendor::shared().workstation();
        let run = |line: &str| {
            let run = Run::keygen(&workstation).args(words(line)).run();
            run.expect_code(0)
        };
        let _ = run("product init PHOTON --out photon.toml");
        let mut product = workstation.read("photon.toml");
        for (before, after) in EDITS {
            assert!(product.contains(before), "{before} is not in {product}");
            product = product.replace(before, after);
        }
        workstation.write("photon.toml", product);
        let checked = run("product check photon.toml");
        assert_eq!(checked.stdout, "PHOTON (Photon): 3 tiers, 3 features\n");
        assert_eq!(checked.stderr, "");
        let _ = run("public --key vendor.key --format jwk --out vendor.jwk");
        let _ = run("trust vendor.jwk --out trust.jwks");
        for tier in ["hobby", "studio", "site"] {
            let issue = format!(
                "issue --key vendor.key --product-file photon.toml --tier {tier} --customer Acme \
                 --days 365 --offline --out {tier}.lic"
            );
            let _ = run(&issue);
        }
        let (trust, product) = (
            workstation.file("trust.jwks"),
            workstation.file("photon.toml"),
        );
        let built = programs::license_with(&[
            ("LICENSE_TRUST_SET", trust.as_os_str()),
            ("LICENSE_PRODUCT_FILE", product.as_os_str()),
            ("LICENSE_PROGRAM", OsStr::new(PROGRAM)),
        ]);
        // The vendor renames the program.
        let program = workstation.file(&format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
        programs::copy_for_all_users(&built, &program);
        Self {
            workstation,
            program,
        }
    }

    /// Creates a machine of the customer with the licenses.
    fn customer_machine(&self) -> Scratch {
        let machine = Scratch::new();
        for file in ["hobby.lic", "studio.lic", "site.lic"] {
            machine.write(file, self.workstation.read(file));
        }
        machine
    }
}

/// Runs the vendor's program. Nothing that it prints belongs to the built-in product or to the
/// program `license`.
#[track_caller]
fn photon(machine: &Scratch, args: &[&str]) -> RunOutput {
    let run = Run::new(&VENDOR.program, machine).without_env("CODITECT_HOME");
    let run = run.env("PHOTON_MACHINE_ID", "workstation-0001");
    let output = run.args(args).run();
    let text = output.all_output();
    assert_eq!(foreign_word(&text), None, "{args:?} prints {text}");
    output
}

/// Returns the first place with the name of the built-in product, or with a command of a program
/// `license`.
fn foreign_word(text: &str) -> Option<&str> {
    let lower = text.to_lowercase();
    let found = lower.find("coditect").or_else(|| {
        let mut commands = lower.match_indices("license ");
        commands.find_map(|(at, _)| {
            let is_command = ["`", "usage: ", "\n  ", "$ ", "sudo "]
                .iter()
                .any(|before| lower[..at].ends_with(before));
            let is_field = lower[at..].starts_with("license id ");
            (is_command && !is_field).then_some(at)
        })
    });
    found.map(|at| text[at..].lines().next().unwrap_or_default())
}

#[track_caller]
fn expect_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn a_customer_sees_the_vendors_product_from_the_installation_to_the_status() {
    let machine = VENDOR.customer_machine();
    let version = photon(&machine, &["--version"]).expect_code(0).stdout;
    let number = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "photon-license {number}\nproduct PHOTON (Photon); no other product is accepted\n\
         1 embedded key; no other key is accepted:\n"
    );
    assert!(version.starts_with(&expected), "{version}");
    let status = photon(&machine, &["status"]).expect_code(1).stdout;
    let expected = "denied: NO_LICENSE\nno license is installed; tier Hobby is in effect; \
                    `photon-license install FILE` installs a license\n";
    assert!(status.starts_with(expected), "{status}");
    expect_parts(&status, &["\nRenders per day "]);

    let verified = photon(&machine, &["verify", "studio.lic"]).expect_code(0);
    expect_parts(&verified.stdout, &["\nStudio license of Photon for Acme\n"]);
    let _ = photon(&machine, &["install", "studio.lic"]).expect_code(0);
    assert!(machine.file("home/.photon/license.lic").exists());
    let status = photon(&machine, &["status"]).expect_code(0).stdout;
    let parts = [
        "licensed: VALID\nStudio license of Photon for Acme\n",
        "\n  tier now    Studio\n",
    ];
    expect_parts(&status, &parts);
    let json = photon(&machine, &["status", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&json["tier"], &json["product"]),
        (&json!("STUDIO"), &json!("PHOTON"))
    );
    let labels = json!({
        "product": "Photon",
        "tiers": { "HOBBY": "Hobby", "STUDIO": "Studio", "SITE": "Site" },
        "features": {
            "batch": "Batch rendering", "render": "Rendering", "sso": "Single sign-on",
        },
        "quotas": {
            "devices": "Devices", "renders_per_day": "Renders per day", "users": "Users",
        },
    });
    assert_eq!(json["labels"], labels);

    let features = photon(&machine, &["features"]).expect_code(0).stdout;
    let parts = [
        "Hobby  Studio  Site",
        "Batch rendering (batch)",
        "no: included from Site",
        "Renders per day (renders_per_day)  100    10000   unlimited  10000",
    ];
    expect_parts(&features, &parts);
    let granted = photon(&machine, &["check", "batch"]).expect_code(0).stdout;
    assert_eq!(granted, "granted: Batch rendering (tier Studio)\n");
    let denied = photon(&machine, &["check", "sso"]).expect_code(1).stdout;
    let expected = "denied: Single sign-on: FEATURE_NOT_INCLUDED: expected tier Site or higher, \
                    found tier Studio\n";
    assert_eq!(denied, expected);
    let used = photon(&machine, &["use", "renders_per_day"]).expect_code(0);
    expect_parts(&used.stdout, &["granted: Renders per day: 1 of 10000 used"]);
    let unknown = photon(&machine, &["use", "exports"]).expect_failure(2);
    expect_parts(&unknown.message, &["a quota of tier Studio"]);
    let monitored = photon(&machine, &words("status --warn 30d --critical 7d"));
    expect_parts(&monitored.expect_code(0).stdout, &["Studio license VALID"]);
    let metrics = photon(&machine, &["metrics"]).expect_code(0).stdout;
    expect_parts(&metrics, &["tier=\"STUDIO\""]);
    let explained = photon(&machine, &["explain"]).expect_code(0).stdout;
    expect_parts(&explained, &["tier Studio is in effect"]);
    let doctor = photon(&machine, &["doctor"]).expect_code(0).stdout;
    expect_parts(&doctor, &["Studio license for Acme", ".photon"]);
    let loss = photon(&machine, &["install", "hobby.lic"]).expect_failure(1);
    let parts = [
        "the new Hobby license allows less than the installed Studio license: ",
        "feature Batch rendering is removed",
        "quota Renders per day is lowered from 10000 to 100",
    ];
    expect_parts(&loss.message, &parts);
    let _ = photon(&machine, &["install", "site.lic"]).expect_code(0);
    let denied = photon(&machine, &["status", "--at", "2199-01-01"]).expect_code(1);
    let parts = [
        "Site license of Photon",
        "Hobby, because the license is not valid",
    ];
    expect_parts(&denied.stdout, &parts);
    let removed = photon(&machine, &["remove"]).expect_code(0);
    expect_parts(&removed.stderr, &["tier Hobby is in effect"]);
}

#[test]
fn the_vendor_sees_labels_beside_names() {
    let workstation = &VENDOR.workstation;
    let shown = ["product", "show", "photon.toml"];
    let shown = Run::keygen(workstation).args(shown).run().expect_code(0);
    let parts = [
        "PHOTON (Photon) by Photon Ltd; users without a valid license have tier HOBBY",
        "\nSTUDIO (Studio): check-in every 24 h",
        "batch (Batch rendering)",
        "renders_per_day (Renders per day) 10000",
    ];
    expect_parts(&shown.stdout, &parts);
    let diff = words("diff studio.lic site.lic --product-file photon.toml");
    let diff = Run::keygen(workstation).args(diff).run().expect_code(0);
    expect_parts(&diff.stdout, &["the tier is Site instead of Studio"]);
    let constants = ["product", "constants", "photon.toml"];
    let constants = Run::keygen(workstation)
        .args(constants)
        .run()
        .expect_code(0);
    expect_parts(
        &constants.stdout,
        &[
            "Tier `STUDIO` (“Studio”).",
            "Feature `sso` (“Single sign-on”), in SITE.",
        ],
    );
}

#[test]
fn the_program_and_its_documents_have_the_vendors_name() {
    let machine = VENDOR.customer_machine();
    let help = photon(&machine, &["--help"]).expect_code(0).stdout;
    let parts = [
        "\n  photon-license check batch\n",
        "PHOTON_HOME ",
        "~/.photon",
        "PHOTON_MACHINE_ID",
        "Usage: photon-license",
    ];
    expect_parts(&help, &parts);
    assert!(
        !help.contains("--product-file") && !help.contains("--trust"),
        "{help}"
    );
    let _ = photon(&machine, &["man", "--out", "man1"]).expect_code(0);
    let mut pages = 0;
    for page in fs::read_dir(machine.file("man1")).unwrap() {
        let page = page.unwrap();
        let name = page.file_name().into_string().unwrap();
        let name = name.strip_prefix(PROGRAM).unwrap();
        let text = fs::read_to_string(page.path()).unwrap();
        assert_eq!(foreign_word(&text.replace("\\-", "-")), None, "{name}");
        pages += 1;
        let Some(command) = name.trim_end_matches(".1").strip_prefix('-') else {
            continue;
        };
        // The pages of commands in a group are named `GROUP-COMMAND`.
        let words: Vec<&str> = match command.split_once('-') {
            Some((group @ ("config" | "seat" | "telemetry" | "trial"), command)) => {
                vec![group, command]
            }
            _ => vec![command],
        };
        let help = photon(&machine, &[&words[..], &["--help"]].concat()).expect_code(0);
        let usage = format!("Usage: photon-license {}", words.join(" "));
        expect_parts(&help.stdout, &[&usage]);
    }
    assert!(pages > 15, "{pages}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = photon(&machine, &["completions", shell]).expect_code(0);
        expect_parts(&script.stdout, &["photon-license"]);
    }
}

#[test]
fn errors_and_hints_have_the_vendors_name_and_variables() {
    let machine = VENDOR.customer_machine();
    machine.write("noise.lic", "noise");
    machine.write("other.toml", license_tests::WIDGET);
    let stranger = Vendor::of_fixtures();
    machine.write(
        "stranger.lic",
        stranger.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    machine.write("trust.jwks", &stranger.trust);
    for (line, exit, parts) in [
        ("statsu", 2, &["did you mean `status`?"][..]),
        ("verify", 2, &["see `photon-license verify --help`"]),
        ("verify missing.lic", 4, &["missing.lic"]),
        ("verify noise.lic", 3, &["noise.lic"]),
        (
            "verify stranger.lic",
            3,
            &["`photon-license --version` lists"],
        ),
        (
            "verify studio.lic --trust trust.jwks",
            2,
            &["omit --trust", "`photon-license --version`"],
        ),
        (
            "status --product-file other.toml",
            2,
            &["omit --product-file", "`photon-license --version`"],
        ),
        (
            "machine --product-file missing.toml",
            2,
            &["omit --product-file"],
        ),
        ("request", 1, &["`photon-license install FILE`"]),
        ("deactivate", 1, &["license"]),
        ("restore", 1, &["license"]),
        (
            "check sso --machine mach_x",
            2,
            &["`photon-license machine` prints"],
        ),
        ("use unknown", 2, &["tier Hobby"]),
        ("explain sso", 2, &["`photon-license check sso`"]),
        ("explain studio.lic", 2, &["--license FILE"]),
        (
            "activate studio.lic",
            3,
            &["`photon-license install FILE`", "`photon-license request`"],
        ),
    ] {
        let error = photon(&machine, &words(line)).expect_failure(exit);
        expect_parts(&format!("{}\n{}", error.message, error.hint), parts);
        let json = photon(&machine, &[&words(line)[..], &["--json"]].concat());
        let _ = json.expect_json_failure(exit);
    }
    // The labels are on the screens, so people type them as names.
    for (command, label, exit, advice) in [
        (
            "check",
            "batch rendering",
            1,
            "Batch rendering is the label of `batch`: `photon-license check batch`",
        ),
        (
            "use",
            "Renders per day",
            2,
            "Renders per day is the label of `renders_per_day`: `photon-license use renders_per_day`",
        ),
    ] {
        let output = photon(&machine, &[command, label]).expect_code(exit);
        expect_parts(&output.stderr, &[advice]);
    }
    let unknown = photon(&machine, &["check", "sleep"]).expect_code(1);
    expect_parts(&unknown.stdout, &["a feature of product PHOTON"]);
    expect_parts(&unknown.stderr, &["`photon-license features` lists them"]);
    #[cfg(unix)]
    if license_tests::tools::is_root() {
        let home = machine.file("home-of-another-user");
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(65534), None).unwrap();
        let run = Run::new(&VENDOR.program, &machine).without_env("CODITECT_HOME");
        let run = run.env("HOME", &home).args(["install", "studio.lic"]).run();
        let error = run.expect_failure(4);
        expect_parts(&error.hint, &["or set PHOTON_HOME to a directory"]);
    }
    // A relative path is refused by the name of the variable.
    let run = |name: &str, value: &str, args: &[&str]| {
        let run = Run::new(&VENDOR.program, &machine).without_env("CODITECT_HOME");
        run.env(name, value).args(args).run()
    };
    let error = run("PHOTON_HOME", "here", &["install", "studio.lic"]).expect_failure(4);
    expect_parts(&error.message, &["PHOTON_HOME"]);
    // The variables of the built-in product do not count.
    let _ = run("CODITECT_HOME", "here", &["install", "studio.lic"]).expect_code(0);
    let machine_id = run("PHOTON_MACHINE_ID", "workstation-0001", &["machine"]).expect_code(0);
    expect_parts(&machine_id.stdout, &["PHOTON_MACHINE_ID"]);
}
