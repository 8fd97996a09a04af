//! Text from the input in messages.

/// The maximum number of characters that a message quotes from the input.
pub(crate) const MAX_QUOTED_CHARS: usize = 32;

/// Returns the first 32 characters of a text for a message, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    printable(text.chars().take(MAX_QUOTED_CHARS))
}

/// Replaces control characters by escapes, so that a message stays on its line of a log.
pub(crate) fn printable(text: impl IntoIterator<Item = char>) -> String {
    let mut shown = String::new();
    for character in text {
        if character.is_control() {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::with_causes;
    use crate::encoding::base64url;
    use crate::inspect::inspect;
    use crate::jose::Unverified;
    use crate::matrix::FeatureMatrix;
    use crate::requests::MachineRequest;
    use crate::trust::TrustSet;
    use crate::usage::UsageReport;

    #[test]
    fn only_control_characters_are_escaped() {
        assert_eq!(quoted("Müller \"x\"\n\u{1b}"), "Müller \"x\"\\u{a}\\u{1b}");
        assert_eq!(quoted(&"ä".repeat(40)), "ä".repeat(32));
    }

    /// The fuzz targets found labels, member names and key ids that were quoted as they are.
    #[test]
    fn messages_quote_no_control_characters() {
        let token = |header: &str| {
            let header = base64url::encode(header.as_bytes());
            with_causes(&inspect(&format!("{header}.e30.AA")).unwrap_err())
        };
        let token_of = |kid: &str, payload: &str| {
            let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"license+jwt"}}"#);
            let [header, payload] =
                [&header, payload].map(|text| base64url::encode(text.as_bytes()));
            format!("{header}.{payload}.AA")
        };
        let untrusted = token_of("a\\u001b\\n", "{}");
        let untrusted = Unverified::parse(&untrusted).unwrap();
        let claim = token_of(
            "a",
            r#"{"ver":1,"iss":"a","aud":"ACME","sub":"a","jti":"01940000-0000-7000-8000-000000000001","iat":1,"tier":"PRO","features":[],"quotas":{"a\u001b\n":[]}}"#,
        );
        let claim = Unverified::parse(&claim).unwrap();
        let report = r#"{"usage_report":1,"product":"ACME","entries":1,"heads":{"a\u001b\n":1}}"#;
        let product = |text: &str| with_causes(&FeatureMatrix::parse(text).unwrap_err());
        let tiers = "product='ACME'\nissuer='A'\nbase_tier='A1'\n[[tiers]]\nfeatures=[]\n";
        for message in [
            with_causes(&TrustSet::parse("-----BEGIN A\u{1b}[2J\nB-----\n").unwrap_err()),
            with_causes(&MachineRequest::parse("-----BEGIN A\u{1b}[2J-----").unwrap_err()),
            with_causes(&untrusted.verify(&TrustSet::default()).unwrap_err()),
            with_causes(&claim.unverified_license_claims().unwrap_err()),
            with_causes(&UsageReport::parse(report).unwrap_err()),
            token("{\"a\\u001b\\n\":1,\"a\\u001b\\n\":1}"),
            token("{\"alg\":\"RS256\",\"a\\u001b\\n\":1}"),
            product(&format!("\"a\\u001b\\n\"=1\n{tiers}")),
            product(&format!("{tiers}name=\"a\\u001b\\n\"")),
            product(&format!("{tiers}name=\"A1\"\nquotas={{\"a\\u001b\\n\"=1}}")),
        ] {
            assert!(!message.contains(char::is_control), "{message:?}");
            assert!(message.contains("\\u{1b}"), "{message:?}");
        }
    }
}
