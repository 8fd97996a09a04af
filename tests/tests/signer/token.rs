//! SoftHSM, with separate tokens for each test.

use license_tests::tools::{self, SoftHsm};
use license_tests::{Run, RunOutput, Scratch};

use crate::VendorMachine;

pub(crate) const PIN: &str = "471147";

/// A private SoftHSM with one token, `vendor`.
pub(crate) struct Tokens {
    pub(crate) scratch: Scratch,
    pub(crate) softhsm: &'static SoftHsm,
}

impl Tokens {
    /// Creates the tokens. Prints a message and returns `None` if SoftHSM is not installed.
    pub(crate) fn new() -> Option<Self> {
        let softhsm = tools::softhsm()?;
        let scratch = Scratch::new();
        let directory = scratch.file("tokens");
        std::fs::create_dir(&directory).unwrap();
        scratch.write_private("pin", format!("{PIN}\n"));
        let tokens = Self { scratch, softhsm };
        tokens.configure("ALL");
        tokens.add("vendor");
        Some(tokens)
    }

    /// Restricts the tokens to these mechanisms.
    pub(crate) fn configure(&self, mechanisms: &str) {
        let directory = self.scratch.file("tokens");
        let directory = directory.display();
        let lines = [
            format!("directories.tokendir = {directory}"),
            "log.level = ERROR".to_owned(),
            format!("slots.mechanisms = {mechanisms}\n"),
        ];
        self.scratch.write("softhsm2.conf", lines.join("\n"));
    }

    /// Creates another token.
    pub(crate) fn add(&self, label: &str) {
        let util = self.util(&["--init-token", "--free", "--label", label]);
        let util = util.args(["--so-pin", "87654321", "--pin", PIN]);
        let _ = util.run().expect_code(0);
    }

    /// Imports a key that OpenSSL generates. Returns `None` if OpenSSL is not installed.
    pub(crate) fn import(&self, genpkey: &[&str], label: &str, id: &str) -> Option<()> {
        let openssl = tools::openssl()?.run(&self.scratch);
        let genpkey = openssl
            .args(["genpkey", "-out", "import.pem"])
            .args(genpkey);
        let _ = genpkey.run().expect_code(0);
        let util = self.util(&["--import", "import.pem", "--token", "vendor"]);
        let util = util.args(["--label", label, "--id", id, "--pin", PIN]);
        let _ = util.run().expect_code(0);
        Some(())
    }

    fn util(&self, args: &[&str]) -> Run<'_> {
        let util = self.softhsm.util.run(&self.scratch).args(args);
        util.env("SOFTHSM2_CONF", self.scratch.file("softhsm2.conf"))
    }

    /// Returns dumps of the objects in the tokens. The dump program exits with 1 even on success.
    pub(crate) fn dumps(&self) -> Vec<String> {
        let token = std::fs::read_dir(self.scratch.file("tokens")).unwrap();
        let files = token.flat_map(|token| std::fs::read_dir(token.unwrap().path()).unwrap());
        let paths = files.map(|file| file.unwrap().path());
        let objects = paths.filter(|path| {
            path.extension().is_some_and(|end| end == "object")
                && path.file_stem().is_some_and(|name| name != "token")
        });
        let dump = |path| {
            Run::new("softhsm2-dump-file", &self.scratch)
                .arg(path)
                .run()
        };
        objects.map(|path| dump(path).stdout).collect()
    }

    /// Returns a vendor's machine with this URI, without a PIN.
    pub(crate) fn vendor(&self, uri: &str) -> VendorMachine<'_> {
        VendorMachine {
            scratch: &self.scratch,
            key: uri.to_owned(),
            env: vec![
                ("SOFTHSM2_CONF", self.scratch.file("softhsm2.conf").into()),
                ("KEYGEN_PKCS11_MODULE", self.softhsm.module.clone().into()),
            ],
        }
    }

    /// Returns a vendor's machine with the PIN and the key of this label.
    pub(crate) fn with_pin(&self, object: &str) -> VendorMachine<'_> {
        let pin = self.scratch.file("pin");
        self.vendor(&format!(
            "pkcs11:token=vendor;object={object}?pin-source=file:{}",
            pin.display()
        ))
    }

    /// Creates a key with this label in the token.
    pub(crate) fn new_key(&self, object: &str, algorithm: &str) -> RunOutput {
        let new_key = self.with_pin(object).keygen("new-key");
        new_key
            .args(["--bits", "2048", "--alg", algorithm, "--json"])
            .run()
    }
}
