//! Tokens of 1 to 64 KiB.

use std::hint::black_box;

use license_benches::{Line, SampleVendor};
use license_core::issue::{KeyBits, LicenseDraft};
use license_core::{FeatureMatrix, Unverified};
use serde_json::{Map, Value};

/// The number of bytes added to a license.
const SIZES: [u32; 7] = [0, 1 << 10, 3 << 10, 7 << 10, 14 << 10, 28 << 10, 44 << 10];
const ROUNDS: usize = 61;

pub(crate) fn lines() -> Vec<Line> {
    let vendor = SampleVendor::new(KeyBits::B2048);
    vec![
        line("many features", &vendor, features),
        line("many users", &vendor, users),
        line("`ext` with many members", &vendor, members),
        line("`ext` with one long string", &vendor, text),
    ]
}

fn line(name: &str, vendor: &SampleVendor, add: fn(&mut LicenseDraft, u32)) -> Line {
    Line::measure(name, ROUNDS, &SIZES, |bytes| {
        let mut draft = vendor.draft.clone();
        add(&mut draft, bytes);
        let token = draft.sign(&vendor.key).unwrap();
        let verify = {
            let token = token.clone();
            move || {
                let license = Unverified::parse(black_box(&token)).unwrap();
                let license = license.verify(&vendor.trust).unwrap();
                drop(black_box(
                    license.evaluate(FeatureMatrix::built_in(), &vendor.context()),
                ));
            }
        };
        (u32::try_from(token.len()).unwrap(), verify)
    })
}

/// Adds features of 16 bytes each.
fn features(draft: &mut LicenseDraft, bytes: u32) {
    for number in 0..bytes / 16 {
        draft.add_feature(&format!("feature_{number:05}")).unwrap();
    }
}

/// Adds users of 16 bytes each.
fn users(draft: &mut LicenseDraft, bytes: u32) {
    let user = |number| format!("user.number.{number:05}").split_off(4);
    draft.users = (0..bytes / 16).map(user).collect();
}

/// Adds members of 16 bytes each to `ext`.
fn members(draft: &mut LicenseDraft, bytes: u32) {
    let member = |number| (format!("number_{number:04}"), Value::from(1));
    let members: Map<_, _> = (0..bytes / 16).map(member).collect();
    draft.extension = Some(members);
}

fn text(draft: &mut LicenseDraft, bytes: u32) {
    let text = "a".repeat(usize::try_from(bytes).unwrap());
    let members = [("text".to_owned(), Value::from(text))];
    draft.extension = Some(members.into_iter().collect());
}
