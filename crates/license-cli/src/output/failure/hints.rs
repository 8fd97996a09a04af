//! Hints for artifacts that do not verify.

use license_core::encoding::TextKind;
use license_core::jose::ParseError;
use license_core::key::KeyError;
use license_core::license::{RotationError, VerifiedLicensesError};
use license_core::trust::VerifyError;
use license_core::{Code, TokenKind};

use crate::embedded::{self, command};

/// Returns what to do about an artifact that does not verify.
pub(super) fn verification(error: &VerifiedLicensesError) -> &'static str {
    match error {
        VerifiedLicensesError::NeedsLicenseFile { .. } => {
            concat!(
                "use the license file of this key; ",
                command!("verify KEY --license FILE"),
                " checks that both belong together"
            )
        }
        VerifiedLicensesError::OtherLicense { .. } => {
            "use the license file that came with this key"
        }
        VerifiedLicensesError::NoLicense => "use the license file that the vendor sent",
        VerifiedLicensesError::Key(KeyError::Checksum { .. }) => {
            "compare the key with the original: a character is wrong, or two are swapped"
        }
        VerifiedLicensesError::Key(_) => {
            "copy the whole key again; enterprise keys are case-sensitive"
        }
        VerifiedLicensesError::Verify(VerifyError::OtherLicense)
        | VerifiedLicensesError::Block {
            source: VerifyError::OtherLicense,
            ..
        } => {
            "install the license of this token first, or ask the vendor for a token of the installed license"
        }
        VerifiedLicensesError::Verify(source) | VerifiedLicensesError::Block { source, .. } => {
            verify_hint(source)
        }
        VerifiedLicensesError::Statement { source, .. } => statement_hint(source),
        VerifiedLicensesError::Parse(ParseError::PrivateKey) => SECRET_FOR_LICENSE,
        VerifiedLicensesError::Parse(ParseError::OtherKind { found }) => other_kind_hint(*found),
        VerifiedLicensesError::Parse(ParseError::MachineRequest { .. }) => {
            concat!(
                "send the request or receipt to the vendor; ",
                command!("activate FILE"),
                " installs the answer to a request"
            )
        }
        VerifiedLicensesError::Parse(ParseError::Empty) => {
            "use the license file that the vendor sent"
        }
        VerifiedLicensesError::Parse(ParseError::NotALicense { .. }) => {
            "use the license file that the vendor sent, which starts with -----BEGIN LICENSE-----, or copy the whole key again"
        }
        _ => {
            "copy the whole file again, from -----BEGIN to END-----, or ask the vendor to send the file again"
        }
    }
}

/// The hint for a private key in place of a license.
const SECRET_FOR_LICENSE: &str =
    "use the license file and inform the vendor; a private key must never leave the vendor";

/// Returns what to do with a text in place of a license.
fn other_kind_hint(found: TextKind) -> &'static str {
    match found {
        kind if kind.is_secret() => SECRET_FOR_LICENSE,
        TextKind::PublicKeys => embedded::text(
            "name the license file of the vendor; this program contains the keys",
            concat!(
                "name the license file, and give the keys with --trust: ",
                command!("verify LICENSE --trust KEYS")
            ),
        ),
        TextKind::WebPage => {
            "download the file again, because a page of the web site was saved in its place; a license file starts with -----BEGIN LICENSE-----"
        }
        _ => {
            concat!(
                "use the file of the vendor that starts with -----BEGIN LICENSE-----; ",
                command!("inspect FILE"),
                " shows what a file contains"
            )
        }
    }
}

fn statement_hint(error: &RotationError) -> &'static str {
    match error.code() {
        Code::UntrustedKey => {
            "install the earlier trust statements first, or ask the vendor for all of them in one file"
        }
        Code::RetiredKey => {
            "do not use the statement, and inform the vendor; the key may have been stolen"
        }
        Code::BadSignature => {
            "ask the vendor to send the statement again; it was changed after it was signed"
        }
        Code::UnsupportedClaim => "use a newer version of this program",
        _ => "ask the vendor for a corrected statement",
    }
}

fn verify_hint(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Kind {
            found: TokenKind::ServerRequest,
            ..
        } => "send this request of a license server to the vendor, who answers with a license",
        VerifyError::Kind {
            found: TokenKind::Lease,
            ..
        } => "use the license file that the vendor sent; a license server sends leases to programs",
        error => verify_code_hint(error.code()),
    }
}

fn verify_code_hint(code: Code) -> &'static str {
    match code {
        Code::RetiredKey => "ask the vendor for a new file that is signed with a trusted key",
        Code::UntrustedKey => embedded::text(
            concat!(
                "ask the vendor whether a newer program is needed; ",
                command!("--version"),
                " lists the embedded keys"
            ),
            "give the vendor's public keys with --trust FILE; ask the vendor whether the keys have changed",
        ),
        Code::BadSignature => embedded::text(
            "ask the vendor to send the file again, because it was changed after it was signed; for an enterprise key, also ask for a program with its key",
            "ask the vendor to send the file again, because it was changed after it was signed; for an enterprise key, also check the keys of --trust",
        ),
        Code::UnsupportedVersion | Code::UnsupportedClaim => "use a newer version of this program",
        _ => "ask the vendor for a corrected license",
    }
}
