//! A server that is killed loses no grant that it acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{directory, open};
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::conformance::{acquire, grant};
use crate::store::{AdministrationStore, SeatStore};

/// The variable with the data directory of the child process.
const DIRECTORY: &str = "LICENSE_SERVER_CRASH_DIRECTORY";

/// The number of seats, which is more than a child acquires.
const SEATS: u32 = 1_000_000;

/// Acquires seats until the process is killed, and prints each acknowledged grant. The parent
/// process starts this test.
#[test]
#[ignore = "the crash test starts this process and kills it"]
fn child() {
    let directory = std::env::var(DIRECTORY).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = std::sync::Arc::new(open(Path::new(&directory)));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8_u32 {
            let store = std::sync::Arc::clone(&store);
            tasks.spawn(async move {
                let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
                let start = std::process::id() % 10_000 * 100_000;
                for number in (start + task..).step_by(8) {
                    let granted = grant(&acquire(&*store, &tenant, &pool, SEATS, number).await);
                    let line = format!(
                        "grant {} {}\n",
                        granted.lease.seq, granted.lease.holder.session
                    );
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        tasks.join_all().await;
    });
}

/// Starts a child, kills it after `grants` acknowledged grants, and returns them by number.
fn run_and_kill(directory: &Path, grants: usize) -> BTreeMap<u64, String> {
    let name = "store::sqlite::tests::crash::child";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut add = |line: &str| {
        let grant = line
            .split_once("grant ")
            .and_then(|(_, grant)| grant.split_once(' '));
        if let Some((seq, session)) = grant {
            let former = acknowledged.insert(seq.parse().unwrap(), session.to_owned());
            assert_eq!(former, None, "{line}");
        }
        acknowledged.len()
    };
    while add(&lines.next().unwrap().unwrap()) < grants {}
    child.kill().unwrap();
    // The last line may be incomplete, and is then not acknowledged.
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    for line in rest.iter().take(rest.len().saturating_sub(1)) {
        add(line);
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn every_acknowledged_grant_survives_a_kill() {
    let directory = directory();
    let (tenant, pool) = (TenantId::site(), PoolId::parse("pool").unwrap());
    let kills = std::env::var("LICENSE_SERVER_KILLS").ok();
    let kills: usize = kills.map_or(3, |text| text.parse().unwrap());
    let mut acknowledged = BTreeMap::new();
    for kill in 0..kills {
        acknowledged.extend(run_and_kill(directory.path(), 20 + kill * 7 % 40));
    }
    let store = open(directory.path());
    let mut leases = BTreeMap::new();
    let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
    loop {
        let found = store.leases(&tenant, &pool, &page).await.unwrap();
        leases.extend(
            found
                .items
                .iter()
                .map(|row| (row.lease.seq.0, row.lease.holder.session.to_string())),
        );
        let Some(next) = found.next else { break };
        page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
    }
    for (seq, session) in &acknowledged {
        assert_eq!(leases.get(seq), Some(session), "grant {seq} is lost");
    }
    let count = u64::try_from(leases.len()).unwrap();
    assert_eq!(
        leases.keys().next_back(),
        Some(&count),
        "the fencing numbers have gaps"
    );
    let report = store.verify_audit(&tenant).await.unwrap();
    assert_eq!(report.fault, None);
}
