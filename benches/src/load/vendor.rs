//! A vendor's server with a ledger, which is measured.

use std::fmt::Write as _;

use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch, Vendor};
use serde_json::{Value, json};

use super::site::OPTIONS;

/// The legal entity that issues the invoices.
const ENTITIES: &str = r#"
[[entity]]
code = "DE"
name = "Coditect GmbH"
address = ["Hauptstraße 1", "10115 Berlin", "Germany"]
payment = ["IBAN DE02 1203 0000 0000 2020 51"]
footer = ["Amtsgericht Berlin, HRB 12345"]
"#;

/// A data directory and a ledger with licenses.
pub struct LoadVendor {
    scratch: Scratch,
}

impl LoadVendor {
    /// Issues `licenses` licenses with `keygen batch`. Each customer has one.
    ///
    /// # Panics
    ///
    /// Panics if a license cannot be issued.
    pub fn new(licenses: u32) -> Self {
        let vendor = Vendor::shared();
        let scratch = vendor.workstation();
        scratch.write("trust.jwks", &vendor.trust);
        scratch.write("entities.toml", ENTITIES);
        let _ = license_server(&scratch).arg("init").run().expect_code(0);
        let mut orders = "customer,tier,days,file\n".to_owned();
        for number in 0..licenses {
            let days = 1 + number % 700;
            writeln!(orders, "ACME {number} Ltd,team,{days},{number}.lic").expect("a text");
        }
        scratch.write("orders.csv", orders);
        let batch = Run::keygen(&scratch).args(["batch", "--key", "vendor.key"]);
        let batch = batch.args(["--ledger", "ledger.db", "--out", "licenses", "orders.csv"]);
        let _ = batch.run().expect_code(0);
        Self { scratch }
    }

    /// Starts the server, which copies the ledger.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    pub fn start(&self) -> Server {
        let own = ["--ledger", "ledger.db", "--signing-key", "vendor.key"];
        let sales = ["--invoice-entities", "entities.toml"];
        Server::start(&self.scratch, &[&OPTIONS[..], &own, &sales].concat())
    }

    /// Starts trials and drafts invoices.
    ///
    /// # Panics
    ///
    /// Panics if the server refuses one.
    pub fn sell(&self, server: &Server, count: u32) {
        let token = ["token", "create", "--name", "bench", "--json"];
        let created = license_server(&self.scratch).args(token).run();
        let created = created.expect_code(0).json();
        let secret = created.get("secret").and_then(Value::as_str);
        let secret = secret.expect("the token has a secret");
        let administrator = server.as_administrator(&format!("Bearer {secret}"));
        for number in 0..count {
            let trial = json!({
                "email": format!("user{number}@trial.example"), "customer": format!("Trial {number}"),
            });
            let started = administrator.post("/api/v1/trials", &trial);
            assert_eq!(started.status, 200, "{started:?}");
            let invoice = json!({
                "entity": "DE", "currency": "EUR", "net_days": 30,
                "buyer": {"name": format!("Buyer {number}"), "address": ["1 Road"]},
                "lines": [{"description": "License", "quantity": 2, "unit_price": 5000}],
            });
            let drafted = administrator.post("/api/v1/invoices", &invoice);
            assert_eq!(drafted.status, 201, "{drafted:?}");
        }
    }
}
