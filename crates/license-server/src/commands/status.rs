//! `license-server status`: whether the server runs, and its licenses and seats.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use license_cli_support::{
    Failure, Fields, Meaning, StyledText, Terminal, TextColumn, TextTable, show_path,
};
use license_core::issue::Signer;
use license_core::time::rfc3339;
use license_issuer::files::LockError;
use serde_json::{Value, json};

use super::database::{DatabaseAccess, database_name, not_opened};
use super::last_day;
use super::opened::{open, refused, runtime};
use crate::certificate::CertificateFiles;
use crate::config::{Config, Tls};
use crate::data_dir::DataDir;
use crate::domain::{DatabaseStatus, NodeStatus, PageRequest};
use crate::keys;
use crate::services::{InstalledLicense, LicenseState, PoolStatus, Readiness};
use crate::store::ServerStoreError;
use crate::store::sqlite::SqliteStore;

/// After how many seconds of silence a server is marked. A server reports itself every second.
const SILENT_SECONDS: i64 = 5;

/// The time for the answer of a running server.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn run(config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    let key = keys::load(config, &directory)?.public().id().to_string();
    let (licenses, pools, readiness, database) = runtime()?.block_on(async {
        let server = open(config, &directory, DatabaseAccess::Beside).await?;
        let failed = |refusal| refused(&refusal);
        let page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        let licenses = server
            .services
            .licenses
            .list(&page)
            .await
            .map_err(failed)?
            .items;
        let pools = server
            .services
            .pools
            .list(&page)
            .await
            .map_err(failed)?
            .items;
        let licenses = licenses.into_iter().map(|license| {
            let state = server.services.licenses.state(&license.license);
            (license, state)
        });
        let readiness = server.services.readiness().await.map_err(failed)?;
        let database = match &server.database.shared {
            Some(shared) => {
                let failed = |error| not_opened(config, &error);
                Some(DatabaseReport {
                    url: database_name(config),
                    status: shared.status().await.map_err(failed)?,
                    nodes: server.database.store.nodes().await.map_err(failed)?,
                })
            }
            None => None,
        };
        Ok::<_, Failure>((licenses.collect(), pools, readiness, database))
    })?;
    let answers = answers(config);
    let process = if answers {
        None
    } else {
        process(config, &directory)?
    };
    let certificate = CertificateFiles::existing(&config.tls, &directory);
    let certificate = certificate.map(|files| files.load()).transpose()?;
    let status = Status {
        answers,
        process,
        readiness,
        fingerprint: certificate.as_ref().map(|found| found.fingerprint.clone()),
        url: config.url(config.listen),
        data_dir: show_path(directory.path()),
        database,
        key,
        licenses,
        pools,
    };
    if let Some(certificate) = &certificate {
        certificate.warn(&config.tls, terminal);
    }
    if terminal.is_json() {
        return terminal.json(&status.to_json());
    }
    terminal.page(&status.to_text(terminal))?;
    if let Some((code, problem)) = readiness.problem() {
        terminal.warning(code, problem);
    }
    Ok(())
}

/// Returns the description of the server process that uses a data directory.
fn process(config: &Config, directory: &DataDir) -> Result<Option<String>, Failure> {
    match SqliteStore::refuse_running(directory.path()) {
        Ok(()) => Ok(None),
        Err(ServerStoreError::Locked(error)) => Ok(Some(match &*error {
            LockError::Busy {
                holder: Some(holder),
                ..
            } => holder.to_string(),
            _ => "another process".to_owned(),
        })),
        Err(error) => Err(not_opened(config, &error)),
    }
}

/// The state of a server.
struct Status {
    /// Whether a server answers at the configured address.
    answers: bool,
    /// The process that uses the data directory, if no server answers at the address.
    process: Option<String>,
    readiness: Readiness,
    /// The fingerprint of the certificate.
    fingerprint: Option<String>,
    url: String,
    data_dir: String,
    /// The database that several servers use.
    database: Option<DatabaseReport>,
    key: String,
    licenses: Vec<(InstalledLicense, LicenseState)>,
    pools: Vec<PoolStatus>,
}

impl Status {
    fn to_text(&self, terminal: &Terminal) -> String {
        let columns = terminal.columns();
        let mut fields = Fields::new();
        fields.add("address", self.url.as_str());
        fields.add(
            "state",
            match (&self.process, self.answers) {
                (_, true) => StyledText::new(Meaning::Good, "answers"),
                (None, false) => StyledText::new(Meaning::Bad, "does not answer"),
                (Some(process), false) => {
                    let text = format!(
                        "runs ({process}), but does not answer at this address; name its address with --listen"
                    );
                    StyledText::new(Meaning::Warning, &text)
                }
            },
        );
        if self.readiness.problem().is_some() {
            fields.add(
                "ready",
                StyledText::new(Meaning::Bad, self.readiness.as_str()),
            );
        }
        if let Some(fingerprint) = &self.fingerprint {
            fields.add("certificate", fingerprint.as_str());
        }
        fields.add("data", self.data_dir.as_str());
        fields.add("key", self.key.as_str());
        if let Some(database) = &self.database {
            fields.add("database", database.url.as_str());
            fields.add("PostgreSQL", database.status.version.as_str());
            if let Some(redis) = &database.status.redis {
                let since = rfc3339(redis.since);
                fields.add(
                    "Redis",
                    if redis.is_on {
                        StyledText::new(Meaning::Good, &format!("answers renewals since {since}"))
                    } else {
                        StyledText::new(Meaning::Warning, &format!("off since {since}"))
                    },
                );
            }
        }
        let mut text = fields.to_text(columns);
        if let Some(database) = &self.database {
            text.push_str("\n\n");
            text.push_str(&database.node_table().to_text(columns));
        }
        if self.licenses.is_empty() && self.readiness.problem().is_some() {
            return text;
        }
        if self.licenses.is_empty() {
            text.push_str(
                "\n\nNo license is installed. Install one with `license-server install FILE`.",
            );
            return text;
        }
        let mut table = TextTable::new([
            TextColumn::new("LICENSE").without_wrapping(),
            TextColumn::new("CUSTOMER"),
            TextColumn::new("TIER"),
            TextColumn::new("LAST DAY"),
            TextColumn::new("STATE"),
        ]);
        for (license, state) in &self.licenses {
            let end = last_day(&license.license);
            let tier = license.license.tier().to_string();
            let id = license.record.id.to_string();
            let state = StyledText::new(meaning(*state), state.code);
            let customer = license.record.customer.as_str();
            table.row([id.into(), customer.into(), tier.into(), end.into(), state]);
        }
        text.push_str("\n\n");
        text.push_str(&table.to_text(columns));
        if !self.pools.is_empty() {
            text.push_str("\n\n");
            text.push_str(&self.pool_table().to_text(columns));
        }
        text
    }

    fn pool_table(&self) -> TextTable {
        let mut table = TextTable::new([
            TextColumn::new("POOL").without_wrapping(),
            TextColumn::new("SEATS"),
            TextColumn::new("HELD"),
            TextColumn::new("LATE"),
            TextColumn::new("BORROWED"),
            TextColumn::new("WAITING"),
        ]);
        for pool in &self.pools {
            let usage = &pool.usage;
            let seats = if pool.is_unlimited {
                "any".to_owned()
            } else {
                usage.capacity.to_string()
            };
            let counts = [usage.held, usage.late, usage.borrowed, usage.waiting];
            let [held, late, borrowed, waiting] = counts.map(|count| count.to_string());
            table.row([
                pool.pool.as_str(),
                &seats,
                &held,
                &late,
                &borrowed,
                &waiting,
            ]);
        }
        table
    }

    fn to_json(&self) -> Value {
        let licenses = self.licenses.iter().map(|(license, state)| {
            json!({
                "id": license.record.id.to_string(),
                "product": license.record.product,
                "customer": license.record.customer,
                "seats": license.seats().limit(),
                "expires_at": license.license.expires_at(),
                "code": state.code,
            })
        });
        let pools = self.pools.iter().map(|pool| {
            json!({
                "pool": pool.pool.as_str(),
                "capacity": Some(pool.usage.capacity).filter(|_| !pool.is_unlimited),
                "held": pool.usage.held,
                "late": pool.usage.late,
                "borrowed": pool.usage.borrowed,
                "waiting": pool.usage.waiting,
            })
        });
        json!({
            "answers": self.answers,
            "process": self.process,
            "readiness": self.readiness.as_str(),
            "certificate_sha256": self.fingerprint,
            "url": self.url,
            "data_dir": self.data_dir,
            "database": self.database.as_ref().map(DatabaseReport::to_json),
            "kid": self.key,
            "licenses": licenses.collect::<Vec<_>>(),
            "pools": pools.collect::<Vec<_>>(),
        })
    }
}

/// A database that several servers use, and its servers.
struct DatabaseReport {
    /// The URL without its password.
    url: String,
    status: DatabaseStatus,
    nodes: Vec<NodeStatus>,
}

impl DatabaseReport {
    fn node_table(&self) -> TextTable {
        let mut table = TextTable::new([
            TextColumn::new("SERVER"),
            TextColumn::new("VERSION"),
            TextColumn::new("STARTED").without_wrapping(),
            TextColumn::new("LAST SEEN"),
            TextColumn::new("LEASE CLOCK"),
        ]);
        for node in &self.nodes {
            let seconds = node.seen_ago.num_seconds();
            let is_silent = seconds > SILENT_SECONDS;
            let meaning = if is_silent {
                Meaning::Warning
            } else {
                Meaning::Good
            };
            table.row([
                node.name.as_str().into(),
                node.version.as_str().into(),
                rfc3339(node.started_at).to_string().into(),
                StyledText::new(meaning, &format!("{seconds} s ago")),
                if node.is_owner { "advances it" } else { "" }.into(),
            ]);
        }
        table
    }

    fn to_json(&self) -> Value {
        let nodes = self.nodes.iter().map(|node| {
            json!({
                "id": node.node.as_str(),
                "name": node.name,
                "version": node.version,
                "started_at": rfc3339(node.started_at).to_string(),
                "seen_seconds_ago": node.seen_ago.num_seconds(),
                "is_clock_owner": node.is_owner,
                "has_redis": node.has_redis,
            })
        });
        let redis = self.status.redis.map(|redis| {
            json!({
                "is_on": redis.is_on,
                "since": rfc3339(redis.since).to_string(),
            })
        });
        json!({
            "url": self.url,
            "version": self.status.version,
            "nodes": nodes.collect::<Vec<_>>(),
            "redis": redis,
        })
    }
}

fn meaning(state: LicenseState) -> Meaning {
    match (state.is_valid, state.is_grace) {
        (true, false) => Meaning::Good,
        (true, true) => Meaning::Warning,
        (false, _) => Meaning::Bad,
    }
}

/// Returns whether a server answers at the configured address. With TLS, an accepted connection
/// counts as an answer.
fn answers(config: &Config) -> bool {
    let address = local(config.listen);
    let Ok(stream) = TcpStream::connect_timeout(&address, TIMEOUT) else {
        return false;
    };
    config.tls != Tls::Off || health(stream).is_ok_and(|text| text.contains(" 200 "))
}

fn health(mut stream: TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut start = Vec::new();
    stream.take(1024).read_to_end(&mut start)?;
    Ok(String::from_utf8_lossy(&start).into_owned())
}

/// Returns the address by which this machine reaches a listener.
fn local(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        let loopback = if listen.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    address
}
