//! The Helm chart mounts a license into a container. The rendered manifests match the Kubernetes
//! schemas, and `license` reads the mounted files. `server` has the chart of the license server.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod image;
mod server;
mod values;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use license_tests::tools::{self, Tool};
use license_tests::{Run, RunOutput, Scratch, Vendor, programs, words};
use serde_json::{Value, json};

/// The oldest and the newest Kubernetes version against which the chart is checked.
const VERSIONS: [&str; 2] = ["1.25", "1.37"];
const IMAGE: &[&str] = &[
    "--set",
    "image.repository=registry.example/app",
    "--set-string",
    "image.tag=1.2.3",
];
const KEY: &[&str] = &[
    "--set-file",
    "license.key=acme.key",
    "--set-file",
    "license.trust=trust.jwks",
];

static ENTERPRISE_KEY: LazyLock<String> = LazyLock::new(|| Vendor::shared().enterprise_key());

fn chart() -> PathBuf {
    programs::workspace().join("deploy/helm/coditect")
}

/// Returns a directory with the files from the vendor.
fn customer() -> Scratch {
    let customer = Vendor::shared().customer_machine();
    customer.write("acme.key", format!("{}\n", *ENTERPRISE_KEY));
    customer
}

fn helm<'s>(helm: &Tool, customer: &'s Scratch, args: &[&str]) -> Run<'s> {
    let (command, rest) = args.split_first().unwrap();
    let run = helm.run(customer).arg(command);
    let run = if *command == "template" {
        run.arg("acme")
    } else {
        run
    };
    run.arg(chart()).args(rest)
}

/// Renders the chart with these values, checks that the manifests match the Kubernetes schemas, and
/// returns them. Returns `None` if a tool is not installed.
#[track_caller]
fn rendered(customer: &Scratch, values: &[&str]) -> Option<Vec<Value>> {
    let (program, python) = (tools::helm()?, tools::manifest_validator()?);
    let args = [&["template", "--namespace", "apps"], IMAGE, values].concat();
    let text = helm(program, customer, &args).run().expect_code(0).stdout;
    Some(validated(python, customer, &text, &VERSIONS))
}

/// Checks manifests against the schemas of these Kubernetes versions, and returns them.
#[track_caller]
fn validated(python: &Tool, customer: &Scratch, text: &str, versions: &[&str]) -> Vec<Value> {
    customer.write("manifests.yaml", text);
    let validate = python.run(customer).arg(tools::script("manifests.py"));
    let manifests = validate.arg("manifests.yaml").args(versions).run();
    let manifests = manifests.expect_code(0).json();
    manifests.as_array().unwrap().clone()
}

#[track_caller]
fn of_kind<'m>(manifests: &'m [Value], kind: &str) -> &'m Value {
    let found = manifests.iter().find(|manifest| manifest["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {manifests:#?}"))
}

/// Returns the specifications of all pods.
fn pods(manifests: &[Value]) -> Vec<&Value> {
    let deployment = &of_kind(manifests, "Deployment")["spec"]["template"]["spec"];
    vec![deployment, &of_kind(manifests, "Pod")["spec"]]
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers"].map(|list| pod[list].as_array());
    lists.into_iter().flatten().flatten()
}

/// Mounts a Secret as Kubernetes does: the files are links into a directory that is itself a link,
/// so that all files change at once.
fn mount(customer: &Scratch, secret: &Value, revision: &str) {
    mount_at(&customer.file("etc"), secret, revision);
}

fn mount_at(directory: &Path, secret: &Value, revision: &str) {
    let data = directory.join(revision);
    fs::create_dir_all(&data).unwrap();
    for (name, content) in secret["data"].as_object().unwrap() {
        let content = BASE64.decode(content.as_str().unwrap()).unwrap();
        fs::write(data.join(name), content).unwrap();
        let link = directory.join(name);
        if !link.is_symlink() {
            symlink(PathBuf::from("..data").join(name), link).unwrap();
        }
    }
    symlink(revision, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
}

/// Runs `license` with the environment variables of a container. Local directories replace those of
/// the container.
fn in_container(customer: &Scratch, container: &Value, args: &[&str]) -> RunOutput {
    let mut run = Run::license(customer).args(args);
    for variable in container["env"].as_array().unwrap() {
        let value = variable["value"].as_str().unwrap();
        let value = match value {
            "/etc/coditect" => customer.file("etc"),
            "/var/lib/coditect" => customer.state(),
            other => other.into(),
        };
        run = run.env(variable["name"].as_str().unwrap(), value);
    }
    run.run()
}

#[test]
fn helm_lint_succeeds() {
    let Some(program) = tools::helm() else { return };
    let customer = customer();
    for values in [KEY, &["--set", "license.existingSecret=acme"]] {
        let args = [&["lint", "--strict"], IMAGE, values].concat();
        let _ = helm(program, &customer, &args).run().expect_code(0);
    }
}

#[test]
fn the_license_in_the_secret_is_valid_in_the_container() {
    let customer = customer();
    let values = [KEY, &["--set", "verify.beforeStart=true"]].concat();
    let Some(manifests) = rendered(&customer, &values) else {
        return;
    };
    mount(&customer, of_kind(&manifests, "Secret"), "..1");
    for container in pods(&manifests).into_iter().flat_map(containers) {
        let status = in_container(&customer, container, &["status", "--json"]);
        let status = status.expect_code(0).json();
        assert_eq!(
            (&status["code"], &status["tier"]),
            (&json!("VALID"), &json!("ENT"))
        );
        let _ = in_container(&customer, container, &["check", "sso"]).expect_code(0);
        let machine = in_container(&customer, container, &["machine", "--json"]);
        assert!(machine.expect_code(0).json()["digest"].is_string());
        let mounts = container["volumeMounts"].as_array().unwrap();
        let license = mounts
            .iter()
            .find(|mount| mount["name"] == "license")
            .unwrap();
        assert_eq!(
            (&license["mountPath"], &license["readOnly"]),
            (&json!("/etc/coditect"), &json!(true))
        );
        assert!(
            license.get("subPath").is_none(),
            "a subPath never receives a renewal"
        );
    }
}

#[test]
fn the_check_before_the_start_rejects_an_invalid_license() {
    let customer = customer();
    let values = [KEY, &["--set", "verify.beforeStart=true"]].concat();
    let Some(manifests) = rendered(&customer, &values) else {
        return;
    };
    let verify = &pods(&manifests)[0]["initContainers"][0];
    assert_eq!(verify["command"], json!(["license", "status"]));
    // The Secret is not mounted yet.
    let _ = in_container(&customer, verify, &["status"]).expect_code(1);
    let mut forged = of_kind(&manifests, "Secret").clone();
    let another = Vendor::with_new_key("2048", "RS256").enterprise_key();
    forged["data"]["license.key"] = json!(BASE64.encode(another));
    mount(&customer, &forged, "..1");
    in_container(&customer, verify, &["status"]).expect_failure(3);
    // The Secret is replaced while the pod exists.
    mount(&customer, of_kind(&manifests, "Secret"), "..2");
    let _ = in_container(&customer, verify, &["status"]).expect_code(0);
}

#[test]
fn pods_wait_for_a_license_only_on_request() {
    let Some(manifests) = rendered(&customer(), KEY) else {
        return;
    };
    assert!(pods(&manifests)[0].get("initContainers").is_none());
    let hook = &of_kind(&manifests, "Pod")["metadata"]["annotations"];
    assert_eq!(hook["helm.sh/hook"], "test");
}

#[test]
fn only_the_secret_contains_the_key() {
    let Some(manifests) = rendered(&customer(), KEY) else {
        return;
    };
    // A signature may contain hyphens too.
    let signature = ENTERPRISE_KEY.splitn(6, '-').nth(5).unwrap();
    assert!(signature.len() >= 342);
    let encoded = BASE64.encode(format!("{}\n", *ENTERPRISE_KEY));
    for manifest in &manifests {
        let text = manifest.to_string();
        assert!(!text.contains(signature), "{text}");
        let is_secret = manifest["kind"] == "Secret";
        assert_eq!(text.contains(&encoded), is_secret, "{text}");
    }
}

#[track_caller]
fn assert_restricted(container: &Value) {
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["privileged"], false);
    assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
}

#[test]
fn every_container_meets_the_restricted_pod_security_standard() {
    let values = [KEY, &["--set", "verify.beforeStart=true"]].concat();
    let Some(manifests) = rendered(&customer(), &values) else {
        return;
    };
    let mut count = 0;
    for pod in pods(&manifests) {
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        assert_eq!(
            security["runAsUser"], security["fsGroup"],
            "the user must be able to read the license"
        );
        assert_eq!(
            security["seccompProfile"],
            json!({ "type": "RuntimeDefault" })
        );
        assert_eq!(pod["automountServiceAccountToken"], false);
        for container in containers(pod) {
            assert_restricted(container);
            count += 1;
        }
        let volumes = pod["volumes"].as_array().unwrap();
        let license = volumes.iter().find(|volume| volume["name"] == "license");
        assert_eq!(license.unwrap()["secret"]["defaultMode"], 0o440);
        let state = volumes.iter().find(|volume| volume["name"] == "state");
        assert!(state.unwrap()["emptyDir"].is_object());
    }
    assert_eq!(count, 3);
}

#[test]
fn a_license_file_or_an_existing_secret_can_be_used() {
    let customer = customer();
    let issued = Vendor::shared().issue(&["--tier", "ent", "--perpetual"]);
    customer.write("acme.lic", &issued.file);
    let file = words("--set-file license.file=acme.lic --set-file license.trust=trust.jwks");
    let Some(manifests) = rendered(&customer, &file) else {
        return;
    };
    mount(&customer, of_kind(&manifests, "Secret"), "..1");
    let app = &pods(&manifests)[0]["containers"][0];
    let _ = in_container(&customer, app, &["status"]).expect_code(0);

    let existing = ["--set", "license.existingSecret=acme-license"];
    let manifests = rendered(&customer, &existing).unwrap();
    assert!(
        manifests
            .iter()
            .all(|manifest| manifest["kind"] != "Secret")
    );
    for pod in pods(&manifests) {
        let name = &pod["volumes"][0]["secret"]["secretName"];
        assert_eq!(name, "acme-license");
    }
}

#[test]
fn a_revocation_list_is_mounted_with_the_license_and_applies() {
    let customer = customer();
    let issued = Vendor::shared().issue(&["--tier", "ent", "--perpetual"]);
    customer.write("acme.lic", &issued.file);
    let workstation = Vendor::shared().workstation();
    let id = issued.report["license_id"].as_str().unwrap();
    let revoke = ["revoke", id, "--reason", "unpaid", "--force"];
    let _ = Run::keygen(&workstation).args(revoke).run().expect_code(0);
    let list = ["revocations", "--key", "vendor.key", "--out", "list.lic"];
    let _ = Run::keygen(&workstation).args(list).run().expect_code(0);
    customer.write("list.lic", workstation.read("list.lic"));
    let values = words(
        "--set-file license.file=acme.lic --set-file license.trust=trust.jwks --set-file license.revocations=list.lic",
    );
    let Some(manifests) = rendered(&customer, &values) else {
        return;
    };
    mount(&customer, of_kind(&manifests, "Secret"), "..1");
    let container = containers(pods(&manifests)[0]).next().unwrap();
    let status = in_container(&customer, container, &["status", "--json"]);
    assert_eq!(status.json()["code"], "REVOKED");
}

#[test]
fn the_test_pod_does_not_belong_to_the_deployment() {
    let Some(manifests) = rendered(&customer(), KEY) else {
        return;
    };
    let selector = &of_kind(&manifests, "Deployment")["spec"]["selector"]["matchLabels"];
    let labels = &of_kind(&manifests, "Pod")["metadata"]["labels"];
    let mut selected = selector.as_object().unwrap().iter();
    assert!(selected.any(|(name, value)| labels[name] != *value));
}

#[test]
fn a_manifest_that_kubernetes_does_not_accept_is_invalid() {
    let Some(python) = tools::manifest_validator() else {
        return;
    };
    let customer = customer();
    let Some(manifests) = rendered(&customer, KEY) else {
        return;
    };
    for (pointer, wrong) in [
        ("/spec/template/spec/runAsNonRoot", json!(true)),
        ("/spec/replicas", json!("one")),
    ] {
        let mut deployment = of_kind(&manifests, "Deployment").clone();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        deployment.pointer_mut(parent).unwrap()[member] = wrong;
        customer.write("wrong.yaml", deployment.to_string());
        let validate = python.run(&customer).arg(tools::script("manifests.py"));
        let refused = validate.args(["wrong.yaml", "1.37"]).run().expect_code(1);
        assert!(refused.stderr.contains("Deployment"), "{}", refused.stderr);
    }
}
