//! `license-server status`: whether the server runs, and its licenses and seats.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use license_cli_support::{Cell, Column, Failure, Fields, Meaning, Table, Terminal, show_path};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::Signer;
use license_core::{Code, CodeKind};
use serde_json::{Value, json};

use super::opened::{DatabaseAccess, open, refused, runtime};
use crate::config::{Config, Tls};
use crate::data_dir::DataDir;
use crate::domain::PageRequest;
use crate::keys;
use crate::services::{InstalledLicense, PoolStatus};

/// The time for the answer of a running server.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn run(config: &Config, terminal: &Terminal) -> Result<(), Failure> {
    let directory = DataDir::open(&config.data_dir)?;
    let key = keys::load(config, &directory)?.public().id().to_string();
    let (licenses, pools) = runtime()?.block_on(async {
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
            let (_, code) = server.services.licenses.state(&license.license);
            (license, code)
        });
        Ok::<_, Failure>((licenses.collect(), pools))
    })?;
    let status = Status {
        answers: answers(config),
        url: config.url(config.listen),
        data_dir: show_path(directory.path()),
        key,
        licenses,
        pools,
    };
    if terminal.is_json() {
        return terminal.json(&status.to_json());
    }
    terminal.page(&status.to_text(terminal))
}

/// The state of a server.
struct Status {
    /// Whether a server answers at the configured address.
    answers: bool,
    url: String,
    data_dir: String,
    key: String,
    licenses: Vec<(InstalledLicense, Code)>,
    pools: Vec<PoolStatus>,
}

impl Status {
    fn to_text(&self, terminal: &Terminal) -> String {
        let columns = terminal.columns();
        let mut fields = Fields::new();
        fields.add("address", self.url.as_str());
        fields.add(
            "state",
            if self.answers {
                Cell::new(Meaning::Good, "answers")
            } else {
                Cell::new(Meaning::Bad, "does not answer")
            },
        );
        fields.add("data", self.data_dir.as_str());
        fields.add("key", self.key.as_str());
        let mut text = fields.to_text(columns);
        if self.licenses.is_empty() {
            text.push_str(
                "\n\nNo license is installed. Install one with `license-server install FILE`.",
            );
            return text;
        }
        let mut table = Table::new([
            Column::new("LICENSE").without_wrapping(),
            Column::new("CUSTOMER"),
            Column::new("TIER"),
            Column::new("LAST DAY"),
            Column::new("STATE"),
        ]);
        for (license, code) in &self.licenses {
            let end = license.license.expires_at();
            let end = end.map_or_else(|| "never".to_owned(), last_day);
            let tier = license.license.tier().to_string();
            let id = license.record.id.to_string();
            let state = Cell::new(meaning(*code), code.as_str());
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

    fn pool_table(&self) -> Table {
        let mut table = Table::new([
            Column::new("POOL").without_wrapping(),
            Column::new("SEATS"),
            Column::new("HELD"),
            Column::new("LATE"),
            Column::new("BORROWED"),
            Column::new("WAITING"),
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
        let licenses = self.licenses.iter().map(|(license, code)| {
            json!({
                "id": license.record.id.to_string(),
                "product": license.record.product,
                "customer": license.record.customer,
                "seats": license.license.seats(),
                "expires_at": license.license.expires_at(),
                "code": code.as_str(),
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
            "url": self.url,
            "data_dir": self.data_dir,
            "kid": self.key,
            "licenses": licenses.collect::<Vec<_>>(),
            "pools": pools.collect::<Vec<_>>(),
        })
    }
}

/// Returns the last day of a license that ends at an instant.
fn last_day(end: DateTime<Utc>) -> String {
    let last = license_core::time::saturating_sub(end, TimeDelta::seconds(1));
    last.date_naive().to_string()
}

fn meaning(code: Code) -> Meaning {
    match code.kind() {
        CodeKind::Licensed => Meaning::Good,
        CodeKind::Grace => Meaning::Warning,
        _ => Meaning::Bad,
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
