//! The server of a vendor.

use license_tests::server::{Server, license_server};
use license_tests::{Scratch, Vendor, words};

/// The workstation of a vendor, with the key, the ledger and the data directory of the server.
pub(super) struct VendorSite {
    pub(super) scratch: Scratch,
}

impl VendorSite {
    pub(super) fn new() -> Self {
        let scratch = Vendor::shared().workstation();
        scratch.write("trust.jwks", &Vendor::shared().trust);
        license_server(&scratch).arg("init").run().expect_code(0);
        Self { scratch }
    }

    pub(super) fn start(&self) -> Server {
        let settings = words("--ledger ledger.db --signing-key vendor.key --peer-rate off");
        Server::start(&self.scratch, &settings)
    }
}
