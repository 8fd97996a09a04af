//! Looks up host names with a time limit.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The maximum number of addresses that `ureq` keeps.
const MAX_ADDRESSES: usize = 16;

/// Looks up names in a thread of its own, because the system has no time limit for a lookup. The
/// thread ends with the lookup. An address needs no thread.
///
/// The resolver of `ureq` does the same, but panics if no thread can be started.
#[derive(Debug)]
pub(super) struct TimedResolver;

impl Resolver for TimedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => 1080, // SOCKS
        };
        let port = uri.port_u16().unwrap_or(default);
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => look_up(host.to_owned(), port, timeout)?,
        };
        let mut addresses = self.empty();
        let family = config.ip_family();
        let wanted = family.keep_wanted(found.into_iter());
        for address in wanted.take(MAX_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(Error::HostNotFound);
        }
        Ok(addresses)
    }
}

fn look_up(host: String, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let look_up = move || {
        let found = (host.as_str(), port).to_socket_addrs();
        // The receiver is gone if the time limit has ended.
        let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
    };
    let thread = thread::Builder::new().name("license-dns".to_owned());
    thread.spawn(look_up).map_err(Error::Io)?;
    match receiver.recv_timeout(*timeout.after) {
        Ok(Ok(found)) => Ok(found),
        // The kinds of such an error differ between systems.
        Ok(Err(_)) => Err(Error::HostNotFound),
        Err(_) => Err(Error::Timeout(timeout.reason)),
    }
}
