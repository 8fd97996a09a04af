//! The options of the settings, and their help.

use std::path::PathBuf;

use clap::Args;

/// The end of the help of `license-server check-config`.
pub(super) const HELP: &str = "\
Settings, each as an option such as --peer-rate, a variable such as
LICENSE_SERVER_PEER_RATE, and a member of license-server.toml such as peer_rate:
  data_dir                  directory for the database, the keys and the license
  database                  PostgreSQL database of several servers, as
                            postgres://USER@HOST/DATABASE
  database_password_file    file with the password of the database
  redis                     Redis for renewals, as rediss://HOST:6379/0
  redis_password_file       file with the password of Redis
  key                       key in an HSM, as pkcs11:token=TOKEN;object=NAME
  pin_file                  file with the PIN of the HSM
  pkcs11_module             PKCS#11 module of the HSM
  listen                    address and port of the server
  public_url                URL by which clients reach the server
  tls                       auto (on if other machines can connect), on, or off
  tls_cert, tls_key         certificate chain and its private key, in PEM
  tls_names                 names in a certificate that the server creates
  metrics_listen            address and port of the metrics, or off
  trust                     public keys of the vendor
  product_file              product file of the vendor
  ledger                    ledger of keygen, for a vendor's server
  signing_key               key that signs licenses, for a vendor's server: a
                            file, or pkcs11:, awskms: or gcpkms:
  signing_key_passphrase_file
                            file with the passphrase or PIN of the signing key
  name                      name of the server in leases and validation tokens
  allowed_networks          networks whose machines may use seats
  trusted_proxies           proxies whose X-Forwarded-For counts
  enrollment_token_file     file with a token that clients of seats must send
  login_issuer              OpenID provider at which users of seats log in
  login_client_id           id of the clients at the provider: the audience of
                            their logins
  login_claim               claim with the name of the user; email must be
                            verified by the provider
  login_required            on, or off if seats are also lent without a login
  login_keys                JWK Set of the provider, without a route to it
  login_ca_file             authorities of the provider's certificate, in PEM
  mail                      mail server, as smtps://USER@HOST or smtp://HOST
  mail_password_file        file with the password of the mail server
  mail_from                 sender of mails
  registration              on if people can register an organization, or off
  session_idle_hours        hours after which a session without a use ends
  session_days              days after which a session ends
  peer_rate                 requests per second of one address, or off
  license_rate              requests per second with one license, or off
  max_connections           open connections
  max_connections_per_peer  open connections of one address
  handshake_timeout         seconds for a TLS handshake
  header_timeout            seconds for the header of a request
  body_timeout              seconds for the body of a request
  idle_timeout              seconds that a connection may be idle
  shutdown_timeout          seconds for open requests when the server stops
  telemetry_days            days for which telemetry is kept; 0 accepts none
  trials                    on if people can start trials, or off
  trial_reminders           days before the end of a trial for reminders, or none
  invoice_entities          legal entities that issue invoices, in TOML
  invoice_reminders         days after the due date for reminders, or none
  meters_file               file with the meters of the product
  metering_grace_hours      hours after the end of a period in which reports
                            still belong to it
  anomaly_machines          new machines of a license in a day that are an
                            anomaly, besides its seats, or off
  anomaly_networks          networks of a license in a day that are an anomaly,
                            or off
  telemetry_group           smallest number of installations that telemetry
                            shows together
  webhook_networks          networks that webhooks may reach besides public
                            addresses
  webhook_http              on, or off if webhooks need https in these networks
  webhook_ca_file           authorities of the certificates of webhooks, in PEM
  stripe_key_file           file with the secret key of Stripe, for billing
  stripe_webhook_secret_file
                            file with the secret of the webhook of Stripe; two
                            lines while it is changed
  stripe_api_url            interface of Stripe
  billing_grace_days        days in which a late payment has no effect
  log                       filter such as info or license_server=debug
  log_format                auto (JSON unless on a terminal), json or text

An option takes precedence over a variable, and a variable over the file. An
empty variable counts as not set. Only variables may contain passwords. Paths
in the file are relative to its directory. Only you and root may have write
access to the file.

Example of a file:
  listen = \"0.0.0.0:8443\"
  allowed_networks = [\"10.0.0.0/8\"]";

/// Defines the options of the settings. Each option has the name of its setting.
macro_rules! setting_args {
    ($($(#[$attribute:meta])* $name:ident: $value:literal;)*) => {
        /// Options of the settings.
        #[derive(Debug, Default, Args)]
        #[command(about = None, long_about = None)]
        pub(crate) struct SettingArgs {
            /// Settings file (TOML) [env: LICENSE_SERVER_CONFIG] [default:
            /// license-server/license-server.toml in the user configuration directory]
            #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
            pub(crate) config: Option<PathBuf>,
            /// Read no settings file
            #[arg(long, global = true, conflicts_with = "config", help_heading = "Settings")]
            pub(crate) no_config: bool,
            $($(#[$attribute])*
            #[arg(long, global = true, value_name = $value, help_heading = "Settings",
                allow_hyphen_values = true)]
            $name: Option<String>,)*
        }

        impl SettingArgs {
            /// Returns the values of the options that are given, by the names of their settings.
            pub(crate) fn values(&self) -> Vec<(&'static str, &str)> {
                let values = [$((stringify!($name), self.$name.as_deref())),*];
                let given = values.into_iter();
                given.filter_map(|(name, value)| Some((name, value?))).collect()
            }
        }
    };
}

setting_args! {
    /// Directory for the database, the keys and the license
    data_dir: "DIR";
    /// PostgreSQL database of several servers, as postgres://USER@HOST/DATABASE
    database: "URL";
    /// File with the password of the database
    #[arg(hide = true)]
    database_password_file: "FILE";
    /// Redis for renewals, next to PostgreSQL, as rediss://HOST:6379/0
    #[arg(hide = true)]
    redis: "URL";
    /// File with the password of Redis
    #[arg(hide = true)]
    redis_password_file: "FILE";
    /// Key in an HSM, as pkcs11:token=TOKEN;object=NAME
    key: "URI";
    /// File with the PIN of the HSM
    #[arg(hide = true)]
    pin_file: "FILE";
    /// PKCS#11 module of the HSM
    #[arg(hide = true)]
    pkcs11_module: "FILE";
    /// Address and port of the server
    listen: "ADDRESS";
    /// URL by which clients reach the server, such as behind a proxy
    public_url: "URL";
    /// TLS: auto (outside loopback), on, or off (needs trusted_proxies outside loopback)
    #[arg(hide = true)]
    tls: "MODE";
    /// Certificate chain (PEM)
    tls_cert: "FILE";
    /// Private key of the certificate (PEM)
    tls_key: "FILE";
    /// Names and addresses in the certificate that the server creates
    #[arg(hide = true)]
    tls_names: "NAMES";
    /// Address and port of the metrics, or off
    metrics_listen: "ADDRESS";
    /// Trust set of the vendor
    trust: "FILE";
    /// Product file (TOML)
    #[arg(hide = true)]
    product_file: "FILE";
    /// Ledger of keygen, for a vendor's server
    #[arg(hide = true)]
    ledger: "FILE";
    /// Key that signs licenses, for a vendor's server: a file, or pkcs11:, awskms: or gcpkms:
    #[arg(hide = true)]
    signing_key: "KEY";
    /// File with the passphrase or PIN of the signing key
    #[arg(hide = true)]
    signing_key_passphrase_file: "FILE";
    /// Name of the server in leases and validation tokens
    #[arg(hide = true)]
    name: "NAME";
    /// Networks whose machines may use seats
    #[arg(hide = true)]
    allowed_networks: "NETWORKS";
    /// Proxies whose X-Forwarded-For is believed
    #[arg(hide = true)]
    trusted_proxies: "NETWORKS";
    /// File with a token that clients of seats must send
    #[arg(hide = true)]
    enrollment_token_file: "FILE";
    /// OpenID provider at which users of seats log in
    #[arg(hide = true)]
    login_issuer: "URL";
    /// Id of the clients at the provider
    #[arg(hide = true)]
    login_client_id: "ID";
    /// Claim with the name of the user
    #[arg(hide = true)]
    login_claim: "CLAIM";
    /// Whether seats require a login: on or off
    #[arg(hide = true)]
    login_required: "MODE";
    /// JWK Set of the provider, without a route to it
    #[arg(hide = true)]
    login_keys: "FILE";
    /// Authorities of the provider's certificate (PEM)
    #[arg(hide = true)]
    login_ca_file: "FILE";
    /// Mail server, as smtps://USER@HOST or smtp://HOST
    #[arg(hide = true)]
    mail: "URL";
    /// File with the password of the mail server
    #[arg(hide = true)]
    mail_password_file: "FILE";
    /// Sender of mails
    #[arg(hide = true)]
    mail_from: "ADDRESS";
    /// Whether people can register an organization: on or off
    #[arg(hide = true)]
    registration: "MODE";
    /// Hours after which a session without a use ends
    #[arg(hide = true)]
    session_idle_hours: "HOURS";
    /// Days after which a session ends
    #[arg(hide = true)]
    session_days: "DAYS";
    /// Requests per second of one peer address
    #[arg(hide = true)]
    peer_rate: "NUMBER";
    /// Requests per second with one license
    #[arg(hide = true)]
    license_rate: "NUMBER";
    /// Open connections
    #[arg(hide = true)]
    max_connections: "NUMBER";
    /// Open connections of one peer address
    #[arg(hide = true)]
    max_connections_per_peer: "NUMBER";
    /// Seconds for a TLS handshake
    #[arg(hide = true)]
    handshake_timeout: "SECONDS";
    /// Seconds for the header of a request
    #[arg(hide = true)]
    header_timeout: "SECONDS";
    /// Seconds for the body of a request
    #[arg(hide = true)]
    body_timeout: "SECONDS";
    /// Seconds that a connection may be idle
    #[arg(hide = true)]
    idle_timeout: "SECONDS";
    /// Seconds for open requests when the server stops
    #[arg(hide = true)]
    shutdown_timeout: "SECONDS";
    /// Days for which telemetry is kept; 0 accepts none
    #[arg(hide = true)]
    telemetry_days: "DAYS";
    /// Whether people can start trials: on or off
    #[arg(hide = true)]
    trials: "MODE";
    /// Days before the end of a trial on which its user is reminded, or none
    #[arg(hide = true)]
    trial_reminders: "DAYS";
    /// Legal entities that issue invoices (TOML)
    #[arg(hide = true)]
    invoice_entities: "FILE";
    /// Days after the due date on which customers are reminded, or none
    #[arg(hide = true)]
    invoice_reminders: "DAYS";
    /// File with the meters of the product
    #[arg(hide = true)]
    meters_file: "FILE";
    /// Hours after the end of a period in which reports still belong to it
    #[arg(hide = true)]
    metering_grace_hours: "HOURS";
    /// New machines of a license in a day that are an anomaly, or off
    #[arg(hide = true)]
    anomaly_machines: "NUMBER";
    /// Networks of a license in a day that are an anomaly, or off
    #[arg(hide = true)]
    anomaly_networks: "NUMBER";
    /// Smallest number of installations that telemetry shows together
    #[arg(hide = true)]
    telemetry_group: "NUMBER";
    /// Networks that webhooks may reach besides public addresses
    #[arg(hide = true)]
    webhook_networks: "NETWORKS";
    /// Whether webhooks in these networks may have http URLs: on or off
    #[arg(hide = true)]
    webhook_http: "MODE";
    /// Authorities of the certificates of webhooks (PEM)
    #[arg(hide = true)]
    webhook_ca_file: "FILE";
    /// File with the secret key of Stripe
    #[arg(hide = true)]
    stripe_key_file: "FILE";
    /// File with the secret of the webhook of Stripe
    #[arg(hide = true)]
    stripe_webhook_secret_file: "FILE";
    /// Interface of Stripe
    #[arg(hide = true)]
    stripe_api_url: "URL";
    /// Days in which a late payment has no effect
    #[arg(hide = true)]
    billing_grace_days: "DAYS";
    /// Filter of the logs, such as info or license_server=debug
    log: "FILTER";
    /// Format of the logs: auto (JSON unless on a terminal), json or text
    #[arg(hide = true)]
    log_format: "FORMAT";
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_help_describes_each_setting() {
        let words: Vec<&str> = HELP.split([' ', ',', '\n']).collect();
        for option in Cli::command().get_arguments() {
            let name = option.get_id().as_str();
            let is_setting = option.get_help_heading() == Some("Settings");
            if is_setting && !["config", "no_config"].contains(&name) {
                assert!(words.contains(&name), "{name}");
            }
        }
    }
}
