//! What a revocation list of a hundred thousand licenses costs: to load, to ask, and beside a hash set.
//!
//!     cargo bench -p license-benches --bench revocations -- 100000
#![allow(missing_docs, reason = "a program, and no library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends where it can't be set up"
)]

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Instant;

use license_benches::{Subject, compare};
use license_core::issue::{KeyBits, RevocationsDraft, Revoked, Sign, SigningKey};
use license_core::{
    Algorithm, Artefacts, LicenseId, ProductCode, RevocationList, Timestamp, TrustSet,
};

const START: u64 = 1_798_761_600;

fn main() {
    let count = std::env::args().filter_map(|argument| argument.parse().ok());
    let count: u64 = count.min().unwrap_or(100_000);
    let der = SigningKey::generate(KeyBits::B4096, Algorithm::Rs256).unwrap();
    let key = SigningKey::from_pkcs8(&der, None).unwrap();
    let trust = TrustSet::parse(&key.public().to_jwk().to_string()).unwrap();
    let ids: Vec<_> = (0..count).map(id).collect();
    let file = file(&ids, &key);
    let megabytes = f64::from(u32::try_from(file.len()).unwrap()) / 1e6;
    println!("{count} licenses: a file of {megabytes:.1} MB");
    let load = || load(&file, &trust);
    let mut times: Vec<_> = (0..9)
        .map(|_| seconds(|| drop(black_box(load()))))
        .collect();
    times.sort_by(f64::total_cmp);
    let time = times.get(4).copied().unwrap();
    println!(
        "loaded and verified in {:.1} ms: {:.0} MB/s\n",
        time * 1e3,
        megabytes / time
    );
    look_up(&load(), &ids);
}

/// Ten random bytes, nearly.
fn id(number: u64) -> LicenseId {
    let [.., a, b, c, d, e, f] = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    LicenseId::from_random((START + number) * 1000, &[a, b, c, d, e, f, a, c, e, b])
}

fn file(ids: &[LicenseId], key: &SigningKey) -> String {
    let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
    let revoked = |license: &LicenseId| Revoked {
        license: license.clone(),
        at: at(START),
        reason: "charged back".to_owned(),
    };
    let draft = RevocationsDraft {
        issuer: "CODITECT".to_owned(),
        product: ProductCode::parse("CODITECT").unwrap(),
        issued_at: at(START),
        seq: 1,
        next_update: at(START * 2),
        revoked: ids.iter().map(revoked).collect(),
    };
    let token = draft.sign(key).unwrap();
    license_core::Unverified::parse(&token).unwrap().to_armor()
}

fn load(file: &str, trust: &TrustSet) -> RevocationList {
    let artefacts = Artefacts::parse(file).unwrap();
    let block = artefacts.blocks().first().unwrap();
    block.token.verify_revocations(trust).unwrap()
}

fn seconds(task: impl FnOnce()) -> f64 {
    let started = Instant::now();
    task();
    started.elapsed().as_secs_f64()
}

/// Each license once, and as many that are on no list.
fn look_up(list: &RevocationList, ids: &[LicenseId]) {
    let set: HashSet<LicenseId> = ids.iter().cloned().collect();
    let count = u64::try_from(ids.len()).unwrap();
    let others: Vec<_> = (count..2 * count).map(id).collect();
    let all: Vec<_> = ids
        .iter()
        .zip(&others)
        .flat_map(|(one, other)| [one, other])
        .collect();
    let mut seed = 1_usize;
    let mut next = move |len: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % len
    };
    let order: Vec<_> = (0..all.len())
        .filter_map(|_| all.get(next(all.len())))
        .collect();
    compare(
        "a license looked up, known or not, times the number of look-ups",
        15,
        1,
        vec![
            Subject::new("HashSet<LicenseId>", || {
                black_box(order.iter().filter(|id| set.contains(***id)).count());
            }),
            Subject::new("RevocationList::revoked", || {
                black_box(order.iter().filter(|id| list.revoked(id).is_some()).count());
            }),
        ],
    );
}
