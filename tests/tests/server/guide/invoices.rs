//! The guide of invoices, `docs/invoices.md`. Each command runs, with a mail server.

use license_core::time::from_system_time;
use license_tests::{Vendor, tools};
use serde_json::Value;

use super::document::Guide;
use super::operator::Operator;
use crate::mailbox::Mailbox;

const SETTINGS: &str = "Set up";
const SEND: &str = "Send an invoice and issue its license";
const SEVERAL: &str = "Several payments";

/// A vendor who follows the guide.
struct Seller {
    operator: Operator,
    guide: Guide,
}

impl Seller {
    /// Writes the settings and the files of the guide.
    fn new() -> Self {
        let mut operator = Operator::new();
        let today = from_system_time(std::time::SystemTime::now()).unwrap();
        operator.replace("2027-02-01", &today.date_naive().to_string());
        let guide = Guide::of("docs/invoices.md");
        let [entities, own] = guide.fenced(SETTINGS, "toml").try_into().unwrap();
        let own = operator.replaced(&own);
        let settings = format!(
            "ledger = \"ledger.db\"\nsigning_key = \"vendor.key\"\nmetrics_listen = \"off\"\n{own}"
        );
        let [invoice] = guide.fenced(SEND, "json").try_into().unwrap();
        let scratch = &operator.scratch;
        scratch.write_private("vendor.key", &Vendor::shared().key);
        scratch.write("entities.toml", entities);
        scratch.write_private("license-server.toml", settings);
        scratch.write("invoice.json", invoice);
        std::fs::create_dir_all(operator.data("").parent().unwrap()).unwrap();
        Self { operator, guide }
    }

    /// Runs the block of a section that contains a text, and returns the JSON of its output.
    fn run(&self, section: &str, part: &str) -> Value {
        let output = self.text(section, part);
        serde_json::from_str(&output).unwrap_or_else(|_| panic!("{part}: {output}"))
    }

    fn text(&self, section: &str, part: &str) -> String {
        let mut blocks = self.guide.blocks(section);
        blocks.retain(|block| block.contains(part));
        assert_eq!(blocks.len(), 1, "{section}: {part}");
        self.operator.run(&blocks[0])
    }

    /// Drafts the invoice of the guide, and issues it.
    fn issue(&mut self) -> Value {
        let draft = self.run(SEND, "@invoice.json");
        assert_eq!(draft["state"], "draft");
        self.operator.set("INVOICE", draft["id"].as_str().unwrap());
        self.run(SEND, "/issue")
    }
}

#[test]
fn the_guide_of_invoices_leads_from_a_draft_to_a_paid_license() {
    if tools::curl().is_none() {
        return;
    }
    let (mut seller, mailbox) = (Seller::new(), Mailbox::start());
    let checked = "license-server check-config --config license-server.toml";
    let checked = seller.operator.run(checked);
    assert!(checked.contains("entities.toml"), "{checked}");
    let start = format!(
        "license-server run --config license-server.toml --listen 127.0.0.1:0 \
         --mail smtp://{} --mail-from books@example.com",
        mailbox.address
    );
    let server = seller.operator.start(&start);
    let token = "license-server token create --name books --config license-server.toml";
    let token = seller.operator.run(token);
    let token = token.lines().find(|line| line.starts_with("lsv_"));
    seller.operator.set("TOKEN", token.unwrap());
    seller.operator.set_url(server.url());

    let issued = seller.issue();
    assert_eq!(issued["state"], "issued");
    let number = issued["number"].as_str().unwrap().to_owned();
    assert!(number.starts_with("DE-"), "{number}");
    seller.text(SEND, "/send");
    assert!(mailbox.next().contains(&number));
    seller.text(SEND, "/pdf");
    let files = std::fs::read_dir(seller.operator.scratch.path()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let pdf = names
        .into_iter()
        .find(|name| name.ends_with(".pdf"))
        .unwrap();
    let pdf = std::fs::read(seller.operator.scratch.file(&pdf)).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let paid = seller.run(SEND, "/payment");
    assert_eq!(paid["state"], "paid");
    // The license comes by mail.
    assert!(mailbox.next().contains("BEGIN LICENSE"));

    let second = seller.issue();
    assert_ne!(second["number"], number.as_str());
    let part = seller.run(SEVERAL, "100000");
    assert_eq!(part["payment_state"], "partly_paid");
    server.stop();
}
