//! Output files that already exist.

use super::*;

#[test]
fn an_existing_file_is_replaced_only_with_force() {
    let vendor = Vendor::shared();
    let license = vendor.issue(&["--tier", "pro", "--perpetual"]).file;
    let commands: [(Vec<&str>, &str); 5] = [
        (
            words("issue --key vendor.key --tier pro --customer ACME --perpetual"),
            "-----BEGIN LICENSE-----\n",
        ),
        (
            words("enterprise-key --key vendor.key --company ACME --seats 100 --perpetual"),
            "CODITECT-ENT-ACME-100-99991231-",
        ),
        (
            words("check-in --key vendor.key acme.lic"),
            "-----BEGIN LICENSE VALIDATION-----\n",
        ),
        (words("public --key vendor.key"), vendor.public.as_str()),
        (words("trust vendor.pem"), vendor.trust.as_str()),
    ];
    for (command, start) in commands {
        let workstation = vendor.workstation();
        workstation.write("acme.lic", &license);
        workstation.write("vendor.pem", &vendor.public);
        workstation.write("output", "precious");
        let args = [&command[..], &["--out", "output"]].concat();
        let error = keygen(&workstation, &args).expect_failure(2);
        assert!(error.hint.contains("--force"), "{command:?}: {error:?}");
        assert_eq!(workstation.read("output"), "precious", "{command:?}");
        let _ = keygen(&workstation, &[&args[..], &["--force"]].concat()).expect_code(0);
        let content = workstation.read("output");
        assert!(content.starts_with(start), "{command:?}: {content}");
    }
}
