//! A real OpenID provider, `oidc-provider` of npm, and users who log in at its pages.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Child;

use license_tests::server::Server;
use license_tests::{Run, RunOutput, Scratch, tools};
use serde_json::{Value, json};

use super::site::Site;
use super::workplace::Workplace;

/// The terms of the license.
pub(super) const SEATS: &str = "--tier team --seats 3 --offline --perpetual";

/// The user `ann` of the provider.
pub(super) const ANN: &str = "ann@acme.example";

/// A running provider. Dropping the value kills it.
pub(super) struct LoginProvider {
    child: Child,
    pub(super) issuer: String,
}

/// A site whose server requires a login, and a machine of an employee.
pub(super) struct LoginSite {
    pub(super) site: Site,
    pub(super) provider: LoginProvider,
    pub(super) server: Server,
    pub(super) workplace: Workplace,
}

impl LoginSite {
    pub(super) fn new() -> Option<Self> {
        let site = Site::new(SEATS);
        let provider = LoginProvider::start(&site.scratch)?;
        let server = provider.server(&site.scratch, &[]);
        let workplace = Workplace::new(&site, &server);
        provider.configure(&workplace);
        Some(Self {
            site,
            provider,
            server,
            workplace,
        })
    }
}

/// A running `license login`.
pub(super) struct RunningLogin {
    pub(super) child: Child,
    output: BufReader<std::process::ChildStdout>,
    log: std::path::PathBuf,
    pub(super) user_code: String,
}

impl LoginProvider {
    /// Starts a provider on a free port. Returns `None` if it is not installed.
    pub(super) fn start(scratch: &Scratch) -> Option<Self> {
        let node = tools::oidc_provider()?;
        let log = File::create(scratch.file("provider.log")).unwrap();
        let run = node.run(scratch).arg(tools::script("login_provider.mjs"));
        let mut child = run.start_with_stderr(log.into());
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let start: Result<Value, _> = serde_json::from_str(&line);
        let start = start.unwrap_or_else(|_| panic!("{}", scratch.read("provider.log")));
        Some(Self {
            child,
            issuer: start["issuer"].as_str().unwrap().to_owned(),
        })
    }

    /// Sends a request of the test, and returns the answer.
    pub(super) fn test(&self, path: &str) -> Value {
        let mut answer = ureq::get(format!("{}/test/{path}", self.issuer))
            .call()
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Signs claims with the key of the provider, or in another way.
    pub(super) fn forge(&self, algorithm: &str, claims: &Value) -> String {
        let body = json!({"alg": algorithm, "claims": claims}).to_string();
        let url = format!("{}/test/forge", self.issuer);
        let mut answer = ureq::post(url).send(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Revokes a token.
    pub(super) fn revoke(&self, token: &str) {
        let url = format!("{}/token/revocation", self.issuer);
        let form = [("token", token), ("client_id", "license")];
        ureq::post(url).send_form(form).unwrap();
    }

    /// Names the provider in the settings of a machine.
    pub(super) fn configure(&self, workplace: &Workplace) {
        for (setting, value) in [
            ("login-issuer", self.issuer.as_str()),
            ("login-client-id", "license"),
        ] {
            workplace
                .license(&["config", "set", setting, value])
                .expect_code(0);
        }
    }

    /// Starts a server of a site whose seats need a login at this provider.
    pub(super) fn server(&self, scratch: &Scratch, options: &[&str]) -> Server {
        let login = [
            "--login-issuer",
            &self.issuer,
            "--login-client-id",
            "license",
        ];
        Server::start(scratch, &[&login, options].concat())
    }

    /// Logs a user in on a machine.
    pub(super) fn login(&self, workplace: &Workplace, user: &str) -> Value {
        let login = RunningLogin::start(workplace, &[]);
        self.test(&format!(
            "approve?user_code={}&user={user}",
            login.user_code
        ));
        let (code, result, log) = login.end();
        assert_eq!(code, Some(0), "{log}");
        result
    }

    /// Ends the provider.
    pub(super) fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for LoginProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl RunningLogin {
    /// Starts `license login`, and waits until it has printed the code.
    pub(super) fn start(workplace: &Workplace, options: &[&str]) -> Self {
        let log = workplace.machine.file("login.log");
        let run = Run::license(&workplace.machine).args(["login", "--json"]);
        // The tests can have been started as a job of a shell script, which ignores SIGINT.
        #[cfg(target_os = "linux")]
        let run = run.through(&["env", "--default-signal=HUP,INT,QUIT,TERM"]);
        let mut child = run
            .args(options)
            .start_with_stderr(File::create(&log).unwrap().into());
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let code = next_object(&mut output);
        let user_code = code["user_code"].as_str();
        let user_code = user_code.unwrap_or_else(|| panic!("{code}")).to_owned();
        assert!(
            code["verification_uri"]
                .as_str()
                .unwrap()
                .ends_with("/device")
        );
        Self {
            child,
            output,
            log,
            user_code,
        }
    }

    /// Waits for the end. Returns the exit code, the object that it printed, and its messages.
    pub(super) fn end(mut self) -> (Option<i32>, Value, String) {
        let result = next_object(&mut self.output);
        let code = self.child.wait().unwrap().code();
        (code, result, std::fs::read_to_string(self.log).unwrap())
    }
}

/// Reads lines until they are one JSON object.
fn next_object(output: &mut impl BufRead) -> Value {
    let mut text = String::new();
    while output.read_line(&mut text).unwrap() > 0 {
        if let Ok(object) = serde_json::from_str(&text) {
            return object;
        }
    }
    Value::String(text)
}

/// Returns the tokens that are stored on a machine.
pub(super) fn stored(workplace: &Workplace) -> Value {
    serde_json::from_str(&workplace.machine.read("state/login.json")).unwrap()
}

/// Checks that no output contains a stored token.
#[track_caller]
pub(super) fn assert_no_token(stored: &Value, output: &RunOutput) {
    for name in ["id_token", "refresh_token"] {
        let token = stored[name].as_str().unwrap();
        assert!(!output.all_output().contains(token), "{name}");
    }
}
