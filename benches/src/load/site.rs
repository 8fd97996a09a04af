//! A license server with licenses, which is measured.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;

use license_core::issue::{Confirmation, LicenseDraft};
use license_core::{FeatureMatrix, LicenseFile, LicenseId, Tier, Unverified};
use license_tests::Scratch;
use license_tests::server::{Server, license_server};
use serde_json::{Value, json};

use crate::vendor::{SampleVendor, now};

/// The number of licenses in a file, which must not exceed the size of a license file.
const LICENSES_PER_FILE: usize = 100;

/// The options of the server that differ from the defaults. A measurement sends more requests than
/// the rate limits allow for one address.
pub(super) const OPTIONS: [&str; 4] = ["--peer-rate", "off", "--license-rate", "off"];

/// The license keys of a server.
#[derive(Clone, Debug)]
pub struct Credentials(Arc<[String]>);

impl Credentials {
    /// Returns the key with this number. After the last key, the first one follows.
    ///
    /// # Panics
    ///
    /// Panics if there is no key.
    pub fn key(&self, number: u32) -> &str {
        let number = usize::try_from(number).unwrap_or_default();
        let key = self.0.get(number % self.0.len());
        key.expect("there is a license")
    }

    /// Returns the first keys.
    pub fn first(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }
}

/// A data directory with licenses.
pub struct LoadSite {
    scratch: Scratch,
    /// The keys of the licenses.
    pub credentials: Credentials,
}

impl LoadSite {
    /// Creates a server with `licenses` licenses of a new vendor. Each has `seats` floating seats.
    ///
    /// # Panics
    ///
    /// Panics if a license cannot be issued or installed.
    pub fn new(vendor: &SampleVendor, licenses: u32, seats: u32) -> Self {
        let scratch = Scratch::new();
        let _ = license_server(&scratch).arg("init").run().expect_code(0);
        let request = scratch.read("data/server.request");
        let request = LicenseFile::parse(&request).expect("a request");
        let token = &request.blocks().first().expect("a request").token;
        let request = token.verify_server_request().expect("a valid request");
        let server = request.confirmation();
        let (keys, files) = issue(vendor, server, licenses, seats);
        scratch.write("trust.jwks", vendor.trust.to_jwks().to_string());
        let mut names = vec!["trust.jwks".to_owned()];
        for (number, file) in files.iter().enumerate() {
            let name = format!("{number}.lic");
            scratch.write(&name, file);
            names.push(name);
        }
        let install = license_server(&scratch).args(["install", "--json"]);
        let _ = install.args(&names).run().expect_code(0);
        let credentials = Credentials(keys.into());
        Self {
            scratch,
            credentials,
        }
    }

    /// Starts the server.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    pub fn start(&self) -> Server {
        Server::start(&self.scratch, &OPTIONS)
    }

    /// Starts the server on a port. It prints a line on standard error when it accepts connections,
    /// and one on standard output when it is ready.
    ///
    /// # Panics
    ///
    /// Panics if the process cannot be started.
    pub fn start_on(&self, address: SocketAddr) -> Child {
        let address = address.to_string();
        let log = "license_server::commands::run=debug";
        let run = license_server(&self.scratch).args(["run", "--json", "--log", log]);
        let run = run.args(["--metrics-listen", "127.0.0.1:0", "--listen", &address]);
        run.args(OPTIONS).start_with_stderr(Stdio::piped())
    }

    /// Makes the leases of the only license last an hour, so that no lease ends during a
    /// measurement, and no heartbeat needs a new token.
    ///
    /// # Panics
    ///
    /// Panics if the server refuses the policy.
    pub fn prolong_leases(&self, server: &Server) {
        let administrator = server.administrator();
        let pools = administrator.get("/api/v1/pools?limit=1").expect(200);
        let pool = pools.pointer("/items/0/pool").and_then(Value::as_str);
        let pool = pool.expect("the only pool");
        let policy = json!({"lifetime_seconds": 3600, "renew_seconds": 1200});
        let path = format!("/api/v1/pools/{pool}/policy");
        let set = administrator.send("PUT", &path, &policy);
        assert!((200..300).contains(&set.status), "{set:?}");
    }
}

/// Issues licenses on all cores. Returns their keys, and their files.
fn issue(
    vendor: &SampleVendor,
    server: &Confirmation,
    licenses: u32,
    seats: u32,
) -> (Vec<String>, Vec<String>) {
    let drafts: Vec<_> = (0..licenses)
        .map(|number| draft(number, server, seats))
        .collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = drafts.len().div_ceil(threads).max(1);
    let sign = |drafts: &[LicenseDraft]| -> Vec<String> {
        let sign = |draft: &LicenseDraft| {
            let token = draft.sign(&vendor.key).expect("a license");
            Unverified::parse(&token).expect("a license").to_armor()
        };
        drafts.iter().map(sign).collect()
    };
    let armors: Vec<String> = thread::scope(|scope| {
        let shares = drafts.chunks(share);
        let signing: Vec<_> = shares.map(|share| scope.spawn(|| sign(share))).collect();
        let signed = signing.into_iter().map(|share| share.join());
        signed
            .flat_map(|share| share.expect("no license fails"))
            .collect()
    });
    let keys = drafts.iter().map(|draft| draft.standard_key().to_string());
    let files = armors.chunks(LICENSES_PER_FILE).map(<[String]>::concat);
    (keys.collect(), files.collect())
}

/// Returns the draft of a perpetual TEAM license that never checks in.
fn draft(number: u32, server: &Confirmation, seats: u32) -> LicenseDraft {
    let matrix = FeatureMatrix::built_in();
    let team = Tier::parse("TEAM").expect("a tier's name");
    let tier = matrix.tier(team).expect("a tier of the matrix");
    let mut random = [0; 10];
    crate::vendor::random(&mut random).expect("random bytes");
    let at = now();
    let id = LicenseId::from_random(at, &random);
    let customer = format!("ACME {number} Ltd");
    let mut draft = LicenseDraft::for_tier(matrix, tier, id, customer, at);
    draft.serial = Some(u64::from(number).saturating_add(1));
    draft.check_in = None;
    draft.confirmation = Some(server.clone());
    let seats = seats.try_into().expect("a number of seats");
    draft.set_seats(seats, matrix).expect("a number of seats");
    draft
}
