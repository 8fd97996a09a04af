//! `keygen inspect`.

use license_cli_support::{Exit, Failure, Terminal};
use license_core::encoding::decode_text;
use license_core::inspect::{InspectError, UNVERIFIED, inspect};
use license_core::jose::{MAX_FILE_BYTES, input_cap};
use license_core::with_causes;

use crate::args::Inspect;
use crate::failures;

pub(crate) fn run(arguments: &Inspect, terminal: &Terminal) -> Result<(), Failure> {
    let source = &arguments.file;
    let text = source.read_text_or_picture(MAX_FILE_BYTES, input_cap, decode_text)?;
    let shown = inspect(&text).map_err(|error| match &error {
        InspectError::Trust(error) => failures::not_trusted(source, error),
        InspectError::Artifact(error) => {
            let message = format!("{source}: {}", with_causes(error));
            Failure::new(Exit::Indeterminate, error.code().as_str(), message)
                .hint("use a license file, token, license key or trust set")
        }
        other => Failure::malformed(format!("{source}: {}", with_causes(other))),
    })?;
    if terminal.is_json() {
        return terminal.json(&shown);
    }
    let heading = format!("{UNVERIFIED}; check it with `license verify`");
    terminal.outline(&heading, &shown)
}
