//! Environment variables that look like settings.

use crate::suggest::closest;

/// Returns the variables of the process that start with `prefix` and are not `known`, each with a
/// known variable of a similar name. Values are not examined, because they may be secrets.
///
/// ```
/// use license_cli_support::unknown_variables;
///
/// assert_eq!(unknown_variables("PREFIX_OF_NO_VARIABLE_", &[]), []);
/// ```
pub fn unknown_variables(prefix: &str, known: &[String]) -> Vec<(String, Option<String>)> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<_> = names
        .filter_map(|name| unknown_variable(name, prefix, known))
        .collect();
    unknown.sort();
    unknown
}

fn unknown_variable(
    name: String,
    prefix: &str,
    known: &[String],
) -> Option<(String, Option<String>)> {
    let own = name.strip_prefix(prefix)?;
    if known.contains(&name) {
        return None;
    }
    // The common prefix would make every name similar.
    let names = known.iter().filter_map(|known| known.strip_prefix(prefix));
    let similar = closest(own, names).map(|similar| format!("{prefix}{similar}"));
    Some((name, similar))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_variable_gets_a_suggestion_if_a_known_one_is_similar() {
        let known = ["KEY", "PASSPHRASE_FILE", "PRODUCT_FILE", "LEDGER", "CONFIG"];
        let known = known.map(|name| format!("KEYGEN_{name}"));
        let found = |name: &str| unknown_variable(name.to_owned(), "KEYGEN_", &known);
        for (name, similar) in [
            ("KEYGEN_LEGDER", Some("KEYGEN_LEDGER")),
            ("KEYGEN_PASSPHRASE", Some("KEYGEN_PASSPHRASE_FILE")),
            ("KEYGEN_PRODUCT", Some("KEYGEN_PRODUCT_FILE")),
            ("KEYGEN_ACCOUNT", None),
        ] {
            let expected = Some((name.to_owned(), similar.map(str::to_owned)));
            assert_eq!(found(name), expected);
        }
        for name in ["KEYGEN_KEY", "KEYGEN_CONFIG", "PATH"] {
            assert_eq!(found(name), None);
        }
    }
}
