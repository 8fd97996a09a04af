//! The groups of commands in the help, and texts that contain the name of the program or product.

use license_cli_support::program::CommandGroup;

use crate::embedded::{self, PROGRAM, command};

/// Returns the text after the help: first steps, environment variables and exit codes.
pub(super) fn after_help() -> String {
    let (files, trust) = if embedded::HAS_KEYS {
        ("license file", "")
    } else {
        ("license file and the public keys", "--trust trust.jwks ")
    };
    let variables = env!("BUILD_PRODUCT_CODE");
    let server = if cfg!(feature = "online") {
        format!("  {variables}_LICENSE_SERVER  URL of the license server\n")
    } else {
        String::new()
    };
    format!(
        "\
First steps, with the {files} from the vendor:
  {PROGRAM} verify {trust}acme.lic
  {PROGRAM} install {trust}acme.lic
  {PROGRAM} status
  {PROGRAM} check {feature}

Environment variables:
  {variables}_HOME            state directory [default: ~/.{directory}]
  {variables}_SYSTEM_DIR      administrator's directory with the license for all users
  {variables}_MACHINE_ID      configured id of this machine, for example in a container
  {variables}_USAGE_TYPE      usage type: builder or runtime
{server}
Exit codes: 0 licensed (or in grace, with a warning), 1 denied, 2 usage error, 3 indeterminate (invalid or unverifiable input), 4 system error.",
        feature = env!("BUILD_FEATURE"),
        directory = env!("BUILD_DIRECTORY"),
    )
}

/// The help of `--machine`.
pub(super) const MACHINE: &str = concat!(
    "Fingerprint or digest of the machine that uses the license, as printed by ",
    command!("machine"),
    " [default: this machine]"
);

/// The help of `--usage-type`.
pub(super) const USAGE_TYPE: &str = concat!(
    "Usage type: builder or runtime [default: as detected by ",
    command!("usage"),
    "]"
);

/// The help of the argument of `license use`.
pub(super) const QUOTA: &str = concat!(
    "Name of the quota, such as ",
    env!("BUILD_QUOTA"),
    "; the count restarts each day (UTC)"
);

/// The commands as the help of the program shows them.
pub(crate) const COMMAND_GROUPS: &[CommandGroup] = &[
    CommandGroup {
        heading: "Ask about the license",
        commands: &["status", "explain", "features", "check", "use"],
    },
    CommandGroup {
        heading: "Install a license",
        commands: &["verify", "inspect", "install", "restore", "remove"],
    },
    CommandGroup {
        heading: "Activate this machine",
        commands: &["request", "activate", "deactivate"],
    },
    #[cfg(feature = "online")]
    CommandGroup {
        heading: "Use a license server",
        commands: &[
            "config",
            "login",
            "logout",
            "validate",
            "seat",
            "run",
            "wait",
            "trial",
            "telemetry",
        ],
    },
    CommandGroup {
        heading: "Examine this machine",
        commands: &[
            "doctor",
            "metrics",
            "machine",
            "session",
            "usage",
            "usage-report",
        ],
    },
    CommandGroup {
        heading: "Describe the program",
        commands: &["completions", "man", "help"],
    },
];

/// The help of `--system`.
pub(super) const SYSTEM: &str = concat!(
    "For all users of this machine, in the directory of the administrator, such as /etc/",
    env!("BUILD_DIRECTORY"),
    "; requires root"
);
