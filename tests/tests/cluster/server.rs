//! The Helm chart of the license server. Its containers run here, with the files and variables of
//! the rendered manifests.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use license_tests::server::{Server, free_port, license_server};
use license_tests::tools::{self, Tool};
use license_tests::{Run, RunOutput, Scratch, Vendor, programs, words};
use serde_json::{Value, json};

use super::{
    BASE64, ENTERPRISE_KEY, VERSIONS, assert_restricted, containers, mount_at, of_kind, validated,
};

/// The options of the installation of a site without a route to the Internet.
const AIRGAP: &str =
    "--set enterprise.airgap=true --set license.type=enterprise --set-file license.key=acme.key";
const DEFAULTS: &str = "--set replicas=2";
const CLOUD: &str = "-f values-cloud.yaml --set monitoring.labels.release=prometheus";

fn chart() -> PathBuf {
    programs::workspace().join("deploy/helm/enterprise")
}

fn helm<'s>(helm: &Tool, scratch: &'s Scratch, command: &str, options: &str) -> Run<'s> {
    let options = options.replace(
        "values-cloud.yaml",
        chart().join("values-cloud.yaml").to_str().unwrap(),
    );
    let run = helm.run(scratch).args(words(command)).arg(chart());
    run.args(words(&options))
}

/// Renders the chart with these options, and checks that the manifests match the Kubernetes
/// schemas. Returns `None` if a tool is not installed.
#[track_caller]
fn rendered(scratch: &Scratch, options: &str) -> Option<Vec<Value>> {
    let (program, python) = (tools::helm()?, tools::manifest_validator()?);
    let oldest = format!("template coditect --kube-version {}", VERSIONS[0]);
    let text = helm(program, scratch, &oldest, options);
    let text = text.run().expect_code(0).stdout;
    Some(validated(python, scratch, &text, &VERSIONS))
}

/// Returns the specification of the pods.
fn pod(manifests: &[Value]) -> &Value {
    let is_workload = |kind: &Value| kind == "StatefulSet" || kind == "Deployment";
    let found = manifests
        .iter()
        .find(|manifest| is_workload(&manifest["kind"]));
    &found.unwrap()["spec"]["template"]["spec"]
}

/// A site whose server key was created on a workstation. `scratch` has the files for Helm.
struct Site {
    scratch: Scratch,
}

impl Site {
    fn new() -> Self {
        let scratch = Scratch::new();
        license_server(&scratch).arg("init").run().expect_code(0);
        scratch.write("trust.jwks", &Vendor::shared().trust);
        let site = Self { scratch };
        let request = site.scratch.read("data/server.request");
        site.scratch.write("acme.key", site.license(&request));
        fs::create_dir(site.scratch.file("volume")).unwrap();
        site
    }

    /// Returns a license for the server that wrote the request.
    fn license(&self, request: &str) -> String {
        let vendor = Vendor::shared().workstation();
        vendor.write("server.request", request);
        let options = "issue --force --key vendor.key --customer ACME --tier ent --seats 5 \
                       --perpetual --server-key server.request --out acme.lic";
        let issued = Run::keygen(&vendor).args(words(options)).run();
        let _ = issued.expect_code(0);
        vendor.read("acme.lic")
    }

    /// Replaces the paths of a container.
    fn local(&self, text: &str) -> String {
        let path = |name: &str| self.scratch.file(name).to_str().unwrap().to_owned();
        let text = text.replace("/var/lib/license-server", &path("volume"));
        text.replace("/run/license-server", &path("run"))
    }

    /// Mounts the Secrets of the chart. Kubernetes opens their files to the group of the pod.
    fn mount(&self, manifests: &[Value], revision: &str) {
        let key = BASE64.encode(self.scratch.read("data/server.key"));
        let key = json!({"data": {"server.key": key}});
        for (name, secret) in [("license", of_kind(manifests, "Secret")), ("key", &key)] {
            let directory = self.scratch.file("run").join(name);
            mount_at(&directory, secret, revision);
            for entry in fs::read_dir(directory.join(revision)).unwrap() {
                let mode = fs::Permissions::from_mode(0o440);
                fs::set_permissions(entry.unwrap().path(), mode).unwrap();
            }
        }
    }

    /// Creates a run of the program with the variables of a container.
    fn run(&self, container: &Value) -> Run<'_> {
        let mut run = Run::new(programs::license_server(), &self.scratch);
        for variable in container["env"].as_array().unwrap() {
            let value = self.local(variable["value"].as_str().unwrap());
            run = run.env(variable["name"].as_str().unwrap(), value);
        }
        run
    }

    /// Runs the containers that come before the server, and returns the output of the last one.
    fn init(&self, manifests: &[Value]) -> RunOutput {
        let inits = pod(manifests)["initContainers"].as_array().unwrap();
        let outputs = inits.iter().map(|container| {
            let command = container["command"].as_array().unwrap();
            let command = command.iter().map(|word| word.as_str().unwrap());
            let command: Vec<_> = command.map(|word| self.local(word)).collect();
            assert_eq!(command[0], "license-server");
            self.run(container).args(&command[1..]).run().expect_code(0)
        });
        // All of them run, in their order.
        let mut outputs: Vec<_> = outputs.collect();
        outputs.pop().unwrap()
    }

    /// Starts the server, and returns it with the statuses of its probes.
    fn start(&self, manifests: &[Value]) -> (Server, Vec<u16>) {
        let container = &pod(manifests)["containers"][0];
        assert_eq!(container["command"], json!(["license-server", "run"]));
        let address = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{address}");
        let options = ["--listen", &address, "--public-url", &url];
        let server = Server::start_with(self.run(container), &self.scratch, &options);
        let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
        let paths = probes.map(|probe| container[probe]["httpGet"]["path"].as_str().unwrap());
        let statuses = paths.map(|path| server.get(path).status);
        (server, statuses.to_vec())
    }
}

#[test]
fn the_chart_of_the_server_installs_the_license_before_the_server_starts() {
    let site = Site::new();
    let options = format!(
        "{AIRGAP} --set-file license.trust=trust.jwks --set serverKey.existingSecret=server-key"
    );
    let Some(manifests) = rendered(&site.scratch, &options) else {
        return;
    };
    site.mount(&manifests, "..1");
    let installed = site.init(&manifests);
    assert!(installed.stdout.contains("VALID"), "{installed:?}");
    let (server, statuses) = site.start(&manifests);
    assert_eq!(statuses, [200, 200, 200]);
    assert!(server.stop().success());

    // A license for another server does not stop this one.
    let other = Scratch::new();
    license_server(&other).arg("init").run().expect_code(0);
    let wrong = site.license(&other.read("data/server.request"));
    site.scratch.write("acme.key", &wrong);
    let manifests = rendered(&site.scratch, &options).unwrap();
    site.mount(&manifests, "..2");
    let refused = site.init(&manifests);
    assert!(refused.stderr.contains("NOT_CERTIFIED"), "{refused:?}");
    let (_server, statuses) = site.start(&manifests);
    assert_eq!(statuses, [200, 200, 200]);
}

#[test]
fn a_server_without_a_license_starts_and_prints_its_request() {
    let site = Site::new();
    let options = "--set enterprise.airgap=true";
    let Some(manifests) = rendered(&site.scratch, options) else {
        return;
    };
    assert!(manifests.iter().all(|found| found["kind"] != "Secret"));
    let _ = site.init(&manifests);
    let (server, statuses) = site.start(&manifests);
    assert_eq!(statuses, [200, 200, 503]);
    // The commands of the notes, in the running container.
    let container = &pod(&manifests)["containers"][0];
    let request = site.run(container).args(["init", "--out", "-"]).run();
    let request = request.expect_code(0).stdout;
    let license = site.license(&request);
    for file in [Vendor::shared().trust.clone(), license] {
        let install = site.run(container).args(["install", "-"]).stdin(file);
        let _ = install.run().expect_code(0);
    }
    let ready = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        server.get("/readyz").status == 200
    });
    assert!(ready);
}

#[test]
fn several_servers_share_a_database_and_a_key() {
    let scratch = Scratch::new();
    let Some(manifests) = rendered(&scratch, CLOUD) else {
        return;
    };
    let deployment = of_kind(&manifests, "Deployment");
    let update = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(*update, json!({"maxUnavailable": 0, "maxSurge": 1}));
    // A newer Kubernetes waits until the load balancer has forgotten a server.
    let (Some(program), Some(python)) = (tools::helm(), tools::manifest_validator()) else {
        return;
    };
    let newest = helm(
        program,
        &scratch,
        "template coditect --kube-version 1.37",
        CLOUD,
    );
    let newest = newest.run().expect_code(0).stdout;
    let newest = validated(python, &scratch, &newest, &["1.37"]);
    let sleep = &pod(&newest)["containers"][0]["lifecycle"]["preStop"]["sleep"];
    assert_eq!(sleep["seconds"], 5);
    let pod = pod(&manifests);
    for container in containers(pod) {
        assert_restricted(container);
        let from_secret = |name: &str| {
            let variables = container["env"].as_array().unwrap();
            let found = variables.iter().find(|variable| variable["name"] == name);
            found.unwrap()["valueFrom"]["secretKeyRef"].clone()
        };
        let secret = |name: &str| json!({"name": name, "key": "url"});
        let database = from_secret("LICENSE_SERVER_DATABASE");
        assert_eq!(database, secret("license-server-database"));
        let redis = from_secret("LICENSE_SERVER_REDIS");
        assert_eq!(redis, secret("license-server-redis"));
    }
    let init = &pod["initContainers"][0]["command"];
    assert_eq!(init[2], "--import-key=/run/license-server/key/server.key");
    let volumes = pod["volumes"].as_array().unwrap().iter();
    let data = volumes.clone().find(|volume| volume["name"] == "data");
    assert_eq!(data.unwrap()["emptyDir"]["medium"], "Memory");
    let service = of_kind(&manifests, "Service");
    assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");
    assert!(service["spec"].get("publishNotReadyAddresses").is_none());
    // The rules and the dashboards are those of the repository.
    let rules = of_kind(&manifests, "PrometheusRule");
    let names = rules["spec"]["groups"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|group| &group["name"]).collect();
    assert_eq!(names, ["license-server", "licenses"]);
    let dashboards = of_kind(&manifests, "ConfigMap")["data"]
        .as_object()
        .unwrap();
    for (name, text) in dashboards {
        let path = programs::workspace().join("deploy/grafana").join(name);
        assert_eq!(
            text.as_str().unwrap(),
            fs::read_to_string(path).unwrap().trim_end()
        );
    }
    assert_eq!(dashboards.len(), 2);
}

#[test]
fn one_server_keeps_its_private_files_in_a_volume() {
    let site = Site::new();
    let Some(manifests) = rendered(&site.scratch, AIRGAP) else {
        return;
    };
    let server = of_kind(&manifests, "StatefulSet");
    assert_eq!(server["spec"]["replicas"], 1);
    let pod = pod(&manifests);
    let security = &pod["securityContext"];
    assert_eq!(security["fsGroupChangePolicy"], "OnRootMismatch");
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(pod["enableServiceLinks"], false);
    assert_eq!(pod["automountServiceAccountToken"], false);
    containers(pod).for_each(assert_restricted);
    let license = BASE64.encode(site.scratch.read("acme.key"));
    for manifest in &manifests {
        let is_secret = manifest["kind"] == "Secret";
        assert_eq!(manifest.to_string().contains(&license), is_secret);
    }
}

/// Returns the ports to which the policy permits connections. `None`: to all ports.
fn egress(manifests: &[Value]) -> BTreeSet<u64> {
    let policy = &of_kind(manifests, "NetworkPolicy")["spec"];
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    let rules = policy["egress"].as_array().unwrap().iter();
    let ports = rules.flat_map(|rule| rule["ports"].as_array().unwrap());
    ports.map(|port| port["port"].as_u64().unwrap()).collect()
}

#[test]
fn a_server_in_an_air_gap_connects_to_its_database_only() {
    let site = Site::new();
    let airgap = format!("{CLOUD} --set enterprise.airgap=true");
    for (options, ports) in [
        (AIRGAP, &[][..]),
        (DEFAULTS, &[53, 443]),
        (&airgap, &[53, 5432, 6379]),
        (CLOUD, &[53, 443, 5432, 6379]),
    ] {
        let Some(manifests) = rendered(&site.scratch, options) else {
            return;
        };
        assert!(egress(&manifests).iter().eq(ports), "{options}");
        let ingress = &of_kind(&manifests, "NetworkPolicy")["spec"]["ingress"];
        assert_eq!(
            ingress.as_array().unwrap().len(),
            1,
            "no metrics by default"
        );
    }
}

#[test]
fn helm_accepts_the_chart_of_the_server_and_explains_wrong_values() {
    let Some(program) = tools::helm() else { return };
    let site = Site::new();
    for options in [AIRGAP, CLOUD, DEFAULTS] {
        let lint = helm(program, &site.scratch, "lint --strict", options);
        let _ = lint.run().expect_code(0);
    }
    let scratch = &site.scratch;
    scratch.write("full.key", format!("{}\n", *ENTERPRISE_KEY));
    scratch.write("cut.key", ENTERPRISE_KEY.get(..200).unwrap());
    scratch.write("private.pem", &Vendor::shared().key);
    let accepted = "--set-file license.key=full.key";
    let notes = helm(
        program,
        scratch,
        "install coditect --dry-run=client",
        accepted,
    );
    let notes = notes.run().expect_code(0).stdout;
    assert!(notes.contains("verify without a server"), "{notes}");
    let with_database = "--set database.existingSecret=d";
    let with_key = format!("{with_database} --set serverKey.existingSecret=k");
    for (options, expected) in [
        (
            "--set license.key=CODITECT-ENT-ACME-100-20301231-A7F3E9D2C4B1F8E2",
            "found a short key",
        ),
        ("--set-file license.key=cut.key", "expected a license file"),
        ("--set-file license.key=private.pem", "found a private key"),
        ("--set-file license.trust=acme.key", "expected a trust set"),
        (
            "--set-file license.key=full.key --set license.existingSecret=a",
            "found both",
        ),
        ("--set license.type=floating", "/license/type"),
        (with_database, "serverKey.existingSecret: expected"),
        (&with_key, "tls.existingSecret: expected"),
        (
            "--set redis.existingSecret=r",
            "expected database.existingSecret too",
        ),
        (
            "--set enterprise.airgap=true --set settings.login_issuer=https://a",
            "login_keys",
        ),
        (
            "--set enterprise.airgap=true --set settings.signing_key=gcpkms:a",
            "found a key in a cloud",
        ),
        ("--set settings.data_dir=/tmp", "data_dir"),
        ("--set settings.tls=false", "/settings/tls"),
        ("--set user=0", "/user"),
    ] {
        let refused = helm(program, scratch, "template coditect", options).run();
        let refused = refused.expect_code(1);
        assert!(
            refused.stderr.contains(expected),
            "{expected}: {}",
            refused.stderr
        );
        let secrets = [
            ENTERPRISE_KEY.get(40..80),
            Vendor::shared().key.get(60..110),
        ];
        let is_shown = |secret: Option<&str>| refused.all_output().contains(secret.unwrap());
        assert!(!secrets.into_iter().any(is_shown), "{expected}");
    }
}

/// Returns the members of an object in a JSON file.
fn members(path: &Path, pointer: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let object = value.pointer(pointer).unwrap().as_object().unwrap();
    object.keys().cloned().collect()
}

#[test]
fn the_chart_of_the_server_passes_each_setting_that_it_does_not_set_itself() {
    let scratch = Scratch::new();
    let config = license_server(&scratch).args(["check-config", "--json"]);
    let config = config.run().expect_code(0).json();
    let settings = config["settings"].as_object().unwrap().keys().cloned();
    let own = [
        "data_dir",
        "database",
        "database_password_file",
        "listen",
        "metrics_listen",
        "public_url",
        "redis",
        "redis_password_file",
        "tls_cert",
        "tls_key",
        "tls_names",
        "trust",
    ];
    let expected: BTreeSet<_> = settings.filter(|name| !own.contains(&&**name)).collect();
    let schema = chart().join("values.schema.json");
    assert_eq!(
        members(&schema, "/properties/settings/properties"),
        expected
    );
}
