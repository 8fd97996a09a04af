//! Sealed files in the state directory, and the documents in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_client::fuzzing::{document, open, seal};
use license_client::{ProductCode, StateFile};
use license_fuzz::bounded;

const MEMORY_FACTOR: u64 = 256;
const MACHINE: &str = "5a7c3e9b1d2f48069ab4c8e0d6f1735b";

fuzz_target!(|content: &[u8]| {
    let product = ProductCode::parse("CODITECT").unwrap();
    for file in [StateFile::Cache, StateFile::Usage, StateFile::Activation] {
        // A fuzzer cannot seal a file.
        assert!(open(product, MACHINE, file, content).is_err());
        let sealed = seal(product, MACHINE, file, content).unwrap();
        assert_eq!(open(product, MACHINE, file, &sealed).unwrap(), content);
        if let Some(printed) = bounded(MEMORY_FACTOR, content, || document(file, content)) {
            let again = document(file, printed.as_bytes());
            assert_eq!(again.as_ref(), Some(&printed), "{file}");
        }
    }
});
