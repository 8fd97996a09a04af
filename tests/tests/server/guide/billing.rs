//! The guide of billing, `docs/billing.md`. Each command runs, against localstripe.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use license_tests::server::Server;
use license_tests::{Run, Vendor, programs, tools};
use serde_json::Value;

use super::document::Guide;
use super::operator::Operator;

/// How long the test waits for what an event changes. localstripe sends events after a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// The script that runs localstripe, in a process of its own. It ends with its standard input.
pub(super) struct Localstripe {
    child: Child,
    pub(super) url: String,
}

impl Localstripe {
    /// Starts localstripe. Prints a message and returns `None` if it is not installed.
    pub(super) fn start() -> Option<Self> {
        let script = programs::workspace().join("tests/interop/stripe.py");
        let mut command = Command::new(tools::localstripe()?.program());
        command.arg(script).stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Some(Self { child, url })
    }
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A vendor who follows the guide.
pub(super) struct Shop {
    pub(super) operator: Operator,
    guide: Guide,
    pub(super) url: String,
}

impl Shop {
    pub(super) fn new(stripe: &Localstripe) -> Self {
        let mut operator = Operator::new();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", free.local_addr().unwrap());
        operator.set("STRIPE_KEY", "sk_test_0123456789abcdef");
        operator.replace("https://api.stripe.com", &stripe.url);
        operator.replace("https://licenses.example.com", &url);
        let scratch = &operator.scratch;
        scratch.write_private("vendor.key", &Vendor::shared().key);
        std::fs::create_dir_all(operator.data("").parent().unwrap()).unwrap();
        Self {
            operator,
            guide: Guide::of("docs/billing.md"),
            url,
        }
    }

    /// Returns the block of a section that contains a text.
    pub(super) fn block(&self, section: &str, part: &str) -> String {
        let blocks = self.guide.all_blocks(section).into_iter();
        let mut found = blocks.filter(|block| block.contains(part));
        let block = found.next().unwrap_or_else(|| panic!("{section}: {part}"));
        assert_eq!(found.next(), None, "{section}: {part}");
        block
    }

    pub(super) fn run(&self, section: &str, part: &str) -> String {
        self.operator.run(&self.block(section, part))
    }

    pub(super) fn start(&self, stripe: &Localstripe) -> Server {
        let address = self.url.strip_prefix("http://").unwrap();
        let block = self.block("Set up Stripe in test mode", "license-server run");
        let mut options = block.trim().split(' ').skip(2).collect::<Vec<_>>();
        options.extend(["--listen", address, "--stripe-api-url", &stripe.url]);
        let run = Run::new(programs::license_server(), &self.operator.scratch);
        let run = run.without_env("CODITECT_HOME");
        Server::start_with(run, &self.operator.scratch, &options)
    }

    /// Waits until the subscription fulfills a condition, and returns it.
    #[track_caller]
    pub(super) fn wait(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let list = "license-server billing subscriptions --json --config license-server.toml";
            let output = self.operator.run(list);
            let list: Value = serde_json::from_str(&output).unwrap();
            let found = &list["subscriptions"][0];
            if !found.is_null() && condition(found) {
                return found.clone();
            }
            assert!(start.elapsed() < PATIENCE, "{what}: {found:#}");
            sleep(Duration::from_millis(100));
        }
    }
}

pub(super) const SETUP: &str = "Set up Stripe in test mode";
pub(super) const SELL: &str = "Sell a license";
const CHANGE: &str = "Change and end a subscription";

/// Follows the first section of the guide, on a server with these meters. Returns the shop, the
/// secret of the webhook and the server.
pub(super) fn open_shop(stripe: &Localstripe, meters: &str) -> (Shop, String, Server) {
    let mut shop = Shop::new(stripe);
    shop.run(SETUP, ">stripe.key");
    shop.run(SETUP, "/v1/plans");
    shop.run(SETUP, "/v1/webhook_endpoints");
    let secret = shop.operator.scratch.read("stripe.secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    let own = shop.block(SETUP, "stripe_key_file = ");
    let settings = format!(
        "ledger = \"ledger.db\"\nsigning_key = \"vendor.key\"\n{own}meters_file = \"meters.toml\"\nstripe_api_url = \"{}\"\nmetrics_listen = \"off\"\n",
        stripe.url
    );
    let scratch = &shop.operator.scratch;
    scratch.write_private("license-server.toml", &settings);
    scratch.write("meters.toml", meters);
    let checked = shop.run(SETUP, "check-config");
    assert!(checked.contains("stripe_key_file"), "{checked}");
    assert!(!checked.contains("sk_test_"), "{checked}");
    let server = shop.start(stripe);
    let plans = shop.run(SETUP, "billing plan team-monthly");
    assert!(plans.contains("a TEAM license, 1 seat a unit"), "{plans}");
    let addition = shop.run(SETUP, "billing plan extra-seats");
    assert!(addition.contains("10 seats a unit"), "{addition}");
    let create = shop.block(SELL, "token create");
    let token = shop.operator.run(&format!("{create}\necho $TOKEN"));
    let token = token.lines().find(|line| line.starts_with("lsv_"));
    shop.operator.set("TOKEN", token.unwrap());
    (shop, secret, server)
}

#[test]
fn the_guide_of_billing_leads_from_a_key_to_a_license_and_to_its_end() {
    let (Some(_), Some(stripe)) = (tools::curl(), Localstripe::start()) else {
        return;
    };
    let (shop, secret, server) = open_shop(&stripe, "");
    let page = shop.run(SELL, "/billing/checkout");
    assert!(
        page.contains("https://checkout.stripe.com/c/pay/"),
        "{page}"
    );
    shop.run(SELL, "/v1/subscriptions");
    let sold = shop.wait("sold", |found| found["state"] == "active");
    assert_eq!(sold["reason"], "paid");
    assert_eq!((&sold["tier"], &sold["seats"]), (&"TEAM".into(), &5.into()));
    let license = sold["license"].as_str().unwrap();
    let file = shop.run(SELL, "/licenses/$LICENSE/file");
    assert!(file.contains("BEGIN LICENSE"), "{file}");
    let portal = shop.run(SELL, "/billing/portal");
    assert!(portal.contains("https://billing.stripe.com/"), "{portal}");

    shop.run(CHANGE, "[quantity]=8");
    let changed = shop.wait("changed", |found| found["seats"] == 8);
    assert_ne!(changed["license"], license);
    // The events of a dispute are enough: no comparison is asked for.
    let refund = shop.block(CHANGE, "/v1/refunds");
    let find_charge = refund
        .lines()
        .take_while(|line| !line.contains("/v1/refunds"));
    let find_charge = find_charge.collect::<Vec<_>>().join("\n");
    for (status, state) in [("needs_response", "suspended"), ("won", "active")] {
        let path = format!("{}/_config/disputes/$CHARGE", stripe.url);
        let change = format!("{find_charge}\ncurl {path} -d status={status}");
        shop.operator.run(&change);
        shop.wait(status, |found| found["state"] == state);
    }
    shop.run(CHANGE, "/v1/refunds");
    let refunded = shop.wait("refunded", |found| found["state"] == "revoked");
    assert_eq!(refunded["reason"], "refunded");
    shop.run(CHANGE, "-X DELETE");
    shop.wait("ended", |found| found["status"] == "canceled");
    let log = scratch_log(&shop, server);
    for secret in ["sk_test_0123456789abcdef", secret.trim()] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// Stops the server, and returns its log.
fn scratch_log(shop: &Shop, server: Server) -> String {
    server.stop();
    shop.operator.scratch.read("server.log")
}
