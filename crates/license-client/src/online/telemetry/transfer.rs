//! Sends events, and deletes those that were sent.

use std::collections::BTreeSet;

use license_core::telemetry::TelemetryId;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::super::error::OnlineError;
use super::super::setting::OnlineSetting;
use super::super::settings::OnlineSettings;
use super::super::telemetry_file::{TelemetryFile, TelemetryInstallation};
use super::super::transport::{Call, Limit, Route, Transport};
use super::Telemetry;
use super::collect::today;

const PATH: &str = "/api/v1/telemetry";

impl Telemetry<'_> {
    /// Sends what waits to the first configured server. Returns the number of sent events.
    ///
    /// The request has no license, no user and no machine. An event stays in the queue until the
    /// server has confirmed it. The server recognizes an event that it has.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// use license_client::OnlineError;
    ///
    /// let sent = client.telemetry().send();
    /// assert!(matches!(sent, Err(OnlineError::TelemetryOff)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::TelemetryOff`] if telemetry is off,
    /// [`OnlineError::TelemetryForbidden`] if a setting forbids it, and other errors if no server
    /// accepts the events. The queue then stays.
    pub fn send(&self) -> Result<usize, OnlineError> {
        self.check_permitted()?;
        if !TelemetryFile::read(self.store())?.is_on {
            return Err(OnlineError::TelemetryOff);
        }
        self.collect()?;
        let transport = self.transport(&self.settings)?;
        let url = transport.url(0).to_owned();
        // From here on, the server may have events, even if its answer is lost.
        let day = today(&self.decision());
        let (batches, is_new_server) = self.change(|file| {
            file.attempted = Some(day);
            let Some(installation) = file.installation.as_mut().filter(|_| file.is_on) else {
                return Ok((Vec::new(), false));
            };
            let is_new = !file.events.is_empty() && !installation.servers.contains(&url);
            if is_new {
                installation.servers.push(url.clone());
            }
            Ok((installation.batches(&file.events), is_new))
        })?;
        let mut sent = 0;
        for batch in batches {
            let call = Call {
                method: Method::POST,
                path: PATH,
                body: Some(Zeroizing::new(batch.to_json())),
                license: None,
                deletion_secret: None,
                // The server recognizes each event by its id.
                idempotency_key: None,
            };
            let answer = transport.send(&call, Route::Only(0), Limit::Configured);
            if answer.as_ref().is_err_and(is_deleted) {
                // An old copy of the file has come back. A new consent creates a new installation.
                self.change(|file| {
                    file.installation = None;
                    file.turn_off();
                    Ok(())
                })?;
            }
            let is_unsent = sent == 0 && is_new_server;
            if is_unsent && answer.as_ref().is_err_and(OnlineError::is_without_effect) {
                self.change(|file| {
                    if let Some(installation) = file.installation.as_mut() {
                        installation.servers.retain(|server| *server != url);
                    }
                    Ok(())
                })?;
            }
            answer?;
            let ids: BTreeSet<TelemetryId> = batch.events.iter().map(|event| event.id).collect();
            self.change(|file| {
                file.events.retain(|event| !ids.contains(&event.id));
                Ok(())
            })?;
            sent += batch.events.len();
        }
        Ok(sent)
    }

    /// Turns telemetry off, deletes what waits, and asks each server that has events to delete
    /// them. Returns the number of servers that have deleted events.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// assert_eq!(client.telemetry().delete()?, 0, "nothing was sent");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the first [`OnlineError`] if a server has not confirmed the deletion, after each
    /// server was asked. Telemetry is then off, and a repetition asks the remaining servers.
    pub fn delete(&self) -> Result<usize, OnlineError> {
        self.change_existing(|file| {
            file.begin_deletion();
            Ok(())
        })?;
        let mut deleted = 0;
        let mut failure = None;
        for installation in TelemetryFile::read(self.store())?.deletions.clone() {
            for server in &installation.servers {
                // A server that does not answer does not keep the others from being asked.
                if let Err(error) = self.delete_at(&installation, server) {
                    failure.get_or_insert(error);
                    continue;
                }
                self.change(|file| {
                    file.end_deletion(installation.id, server);
                    Ok(())
                })?;
                deleted += 1;
            }
        }
        failure.map_or(Ok(deleted), Err)
    }

    fn delete_at(
        &self,
        installation: &TelemetryInstallation,
        server: &str,
    ) -> Result<(), OnlineError> {
        let Some(secret) = installation.secret() else {
            return Ok(());
        };
        let secret = Zeroizing::new(secret.reveal());
        let settings = self
            .settings
            .clone()
            .set(OnlineSetting::ServerUrl, server)?;
        let call = Call {
            method: Method::DELETE,
            path: &format!("{PATH}/{}", installation.id),
            body: None,
            license: None,
            deletion_secret: Some(&secret),
            idempotency_key: None,
        };
        let transport = self.transport(&settings)?;
        transport.send(&call, Route::Only(0), Limit::Configured)?;
        Ok(())
    }

    /// Does the work of a day, if telemetry is on: collects, and sends unless `send` was tried
    /// today. A failure is silent, and the next day continues.
    pub(crate) fn refresh(&self, may_send: bool) {
        let Ok(file) = TelemetryFile::read(self.store()) else {
            return;
        };
        if !file.is_on {
            return;
        }
        let is_due = file.attempted != Some(today(&self.decision()));
        let _ = if may_send && is_due {
            self.send().map(drop)
        } else {
            self.check_permitted().and_then(|()| self.collect())
        };
    }

    fn transport(&self, settings: &OnlineSettings) -> Result<Transport, OnlineError> {
        Transport::new(&self.manager.resolve_online(settings)?)
    }
}

/// Returns whether the server has deleted the installation before.
fn is_deleted(error: &OnlineError) -> bool {
    let problem = error.problem().filter(|problem| problem.is_authenticated);
    problem.is_some_and(|problem| problem.code == "TELEMETRY_DELETED")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use license_core::{Context, FeatureMatrix};

    use super::*;
    use crate::manager::LicenseManager;
    use crate::state_dir::StateDir;
    use crate::testing;

    #[test]
    fn a_server_that_is_not_reached_does_not_keep_the_others_from_deleting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.get_mut().write_all(answer).unwrap();
        });
        let scratch = tempfile::tempdir().unwrap();
        let matrix = FeatureMatrix::built_in();
        let manager = LicenseManager::at(matrix.product(), StateDir::at(scratch.path()));
        let store = manager.readable_paths().user();
        let mut installation = TelemetryInstallation::new().unwrap();
        // Nothing listens at port 9 of this machine.
        let closed = "http://127.0.0.1:9".to_owned();
        installation.servers = vec![closed.clone(), format!("http://{address}")];
        let mut file = TelemetryFile {
            is_on: true,
            installation: Some(installation),
            ..TelemetryFile::default()
        };
        file.begin_deletion();
        file.write(&store.lock().unwrap()).unwrap();
        let context = Context::at(testing::START);
        let telemetry = Telemetry::new(&manager, matrix, context, OnlineSettings::new());
        let error = telemetry.delete().unwrap_err();
        assert_eq!(error.code(), "SERVER_UNREACHABLE", "{error}");
        answer.join().unwrap();
        let left = TelemetryFile::read(store).unwrap().deletions.clone();
        assert_eq!(left[0].servers, [closed]);
    }
}
