//! SoftHSM with tokens of its own for each test.

use license_tests::tools::{self, SoftHsm};
use license_tests::{Outcome, Run, Scratch};

use crate::Desk;

pub(crate) const PIN: &str = "471147";

/// A SoftHSM that nobody else sees, with one token `vendor`.
pub(crate) struct Tokens {
    pub(crate) scratch: Scratch,
    pub(crate) softhsm: &'static SoftHsm,
}

impl Tokens {
    /// `None` where SoftHSM is missing, which has then been said.
    pub(crate) fn new() -> Option<Self> {
        let softhsm = tools::softhsm()?;
        let scratch = Scratch::new();
        let folder = scratch.file("tokens");
        std::fs::create_dir(&folder).unwrap();
        scratch.write_private("pin", format!("{PIN}\n"));
        let tokens = Self { scratch, softhsm };
        tokens.configure("ALL");
        tokens.add("vendor");
        Some(tokens)
    }

    /// Lets the tokens do this and nothing else.
    pub(crate) fn configure(&self, mechanisms: &str) {
        let folder = self.scratch.file("tokens");
        let folder = folder.display();
        let lines = [
            format!("directories.tokendir = {folder}"),
            "log.level = ERROR".to_owned(),
            format!("slots.mechanisms = {mechanisms}\n"),
        ];
        self.scratch.write("softhsm2.conf", lines.join("\n"));
    }

    /// Makes a further token.
    pub(crate) fn add(&self, label: &str) {
        let util = self.util(&["--init-token", "--free", "--label", label]);
        let util = util.args(["--so-pin", "87654321", "--pin", PIN]);
        let _ = util.run().expect_code(0);
    }

    /// Puts a key of OpenSSL's making into the token; `None` where OpenSSL is missing.
    pub(crate) fn import(&self, genpkey: &[&str], label: &str, id: &str) -> Option<()> {
        let openssl = tools::openssl()?.run(&self.scratch);
        let made = openssl
            .args(["genpkey", "-out", "import.pem"])
            .args(genpkey);
        let _ = made.run().expect_code(0);
        let util = self.util(&["--import", "import.pem", "--token", "vendor"]);
        let util = util.args(["--label", label, "--id", id, "--pin", PIN]);
        let _ = util.run().expect_code(0);
        Some(())
    }

    fn util(&self, args: &[&str]) -> Run<'_> {
        let util = self.softhsm.util.run(&self.scratch).args(args);
        util.env("SOFTHSM2_CONF", self.scratch.file("softhsm2.conf"))
    }

    /// What SoftHSM has written of its objects; its tool ends with 1 even when all went well.
    pub(crate) fn dumps(&self) -> Vec<String> {
        let token = std::fs::read_dir(self.scratch.file("tokens")).unwrap();
        let files = token.flat_map(|token| std::fs::read_dir(token.unwrap().path()).unwrap());
        let paths = files.map(|file| file.unwrap().path());
        let objects = paths.filter(|path| {
            path.extension().is_some_and(|end| end == "object")
                && path.file_stem().is_some_and(|name| name != "token")
        });
        let dump = |path| Run::of("softhsm2-dump-file", &self.scratch).arg(path).run();
        objects.map(|path| dump(path).stdout).collect()
    }

    /// A desk with this URI, to which nothing is added.
    pub(crate) fn desk(&self, uri: &str) -> Desk<'_> {
        Desk {
            scratch: &self.scratch,
            key: uri.to_owned(),
            env: vec![
                ("SOFTHSM2_CONF", self.scratch.file("softhsm2.conf").into()),
                ("KEYGEN_PKCS11_MODULE", self.softhsm.module.clone().into()),
            ],
        }
    }

    /// A desk with the key of this name, and the PIN.
    pub(crate) fn with_pin(&self, object: &str) -> Desk<'_> {
        let pin = self.scratch.file("pin");
        self.desk(&format!(
            "pkcs11:token=vendor;object={object}?pin-source=file:{}",
            pin.display()
        ))
    }

    /// Makes a key of this name in the token.
    pub(crate) fn new_key(&self, object: &str, algorithm: &str) -> Outcome {
        let new_key = self.with_pin(object).keygen("new-key");
        new_key
            .args(["--bits", "2048", "--alg", algorithm, "--json"])
            .run()
    }
}
