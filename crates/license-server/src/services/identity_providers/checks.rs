//! The checks of the settings of identity providers.

use std::collections::BTreeSet;

use crate::certificate::certificates;
use crate::domain::{EmailAddress, ProviderSettings, Refusal, RefusalKind, ServerCode, is_unsafe};
use crate::issuer::{IssuerScheme, parse_issuer};

/// The largest number of scopes, of hosts, of mapped groups, and of domains.
const MAX_SCOPES: usize = 20;
const MAX_HOSTS: usize = 10;
const MAX_GROUPS: usize = 200;
const MAX_DOMAINS: usize = 50;

/// The longest name, group and claim, in characters.
const MAX_NAME: usize = 100;
const MAX_GROUP: usize = 256;

/// The longest client id, client secret and certificates, in bytes.
const MAX_CLIENT_ID: usize = 255;
const MAX_SECRET: usize = 512;
const MAX_PEM: usize = 64 * 1024;

/// Checks settings, and brings domains and hosts to lower case. `is_operator`: the organization is
/// that of the server, whose provider can run on this machine.
pub(super) fn check(
    settings: ProviderSettings,
    is_operator: bool,
) -> Result<ProviderSettings, Refusal> {
    let lower = |texts: &[String]| texts.iter().map(|text| text.to_ascii_lowercase()).collect();
    let settings = ProviderSettings {
        hosts: lower(&settings.hosts),
        email_domains: lower(&settings.email_domains),
        ..settings
    };
    check_line("name", &settings.name, MAX_NAME)?;
    check_line("groups_claim", &settings.groups_claim, MAX_GROUP)?;
    check_place(&settings, is_operator)?;
    check_client(&settings)?;
    check_groups(&settings)?;
    check_domains(&settings.email_domains)?;
    Ok(settings)
}

/// Checks a client secret.
pub(super) fn check_secret(secret: &str) -> Result<(), Refusal> {
    let is_text = secret.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let is_accepted = is_text && (1..=MAX_SECRET).contains(&secret.len());
    // The text itself may be a secret, so it is not shown.
    let expected = format!("1 to {MAX_SECRET} printable ASCII characters");
    require(is_accepted, "client_secret", &expected, "another text")
}

/// Returns the refusal of another issuer with the secret of the former one.
pub(super) fn secret_of_another_issuer() -> Refusal {
    let expected = "the client secret at the new issuer, or null";
    bad("client_secret", expected, "nothing")
}

fn check_place(settings: &ProviderSettings, is_operator: bool) -> Result<(), Refusal> {
    let scheme = parse_issuer(&settings.issuer).map_err(|expected| {
        bad(
            "issuer",
            expected.trim_start_matches("expected "),
            "another text",
        )
    })?;
    if scheme == IssuerScheme::LocalHttp && !is_operator {
        return Err(bad("issuer", "a URL with https", "http"));
    }
    let is_host = |host: &String| {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "443"));
        EmailAddress::parse(&format!("a@{name}")).is_some() && port.parse::<u16>().is_ok()
    };
    let are_hosts = settings.hosts.len() <= MAX_HOSTS && settings.hosts.iter().all(is_host);
    let expected =
        format!("at most {MAX_HOSTS} names such as keys.example.com or keys.example.com:8443");
    require(are_hosts, "hosts", &expected, "others")?;
    let after = settings.after_logout.as_deref();
    let is_url = after.is_none_or(|url| parse_issuer(url).is_ok());
    require(
        is_url,
        "after_logout",
        "a URL with https, without a query",
        "another text",
    )?;
    let pem = settings.ca_certificates.as_deref();
    let is_pem =
        pem.is_none_or(|pem| pem.len() <= MAX_PEM && certificates(pem.as_bytes()).is_some());
    let expected = format!("certificates in PEM of at most {MAX_PEM} bytes");
    require(is_pem, "ca_certificates", &expected, "other content")
}

fn check_client(settings: &ProviderSettings) -> Result<(), Refusal> {
    let id = &settings.client_id;
    let is_id = id.bytes().all(|byte| byte.is_ascii_graphic());
    let expected = format!("1 to {MAX_CLIENT_ID} visible ASCII characters");
    let is_id = is_id && (1..=MAX_CLIENT_ID).contains(&id.len());
    require(is_id, "client_id", &expected, "another text")?;
    // RFC 6749, section 3.3.
    let is_scope = |scope: &String| {
        let is_token = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        (1..=100).contains(&scope.len()) && scope.bytes().all(is_token)
    };
    let scopes = &settings.scopes;
    let are_scopes = scopes.len() <= MAX_SCOPES && scopes.iter().all(is_scope);
    let has_openid = scopes.iter().any(|scope| scope == "openid");
    let expected = format!("at most {MAX_SCOPES} scopes, with openid");
    require(are_scopes && has_openid, "scopes", &expected, "others")
}

fn check_groups(settings: &ProviderSettings) -> Result<(), Refusal> {
    let roles: Vec<_> = settings.roles.iter().map(|rule| &rule.group).collect();
    let departments = settings.departments.iter();
    let pairs: Vec<_> = departments
        .map(|rule| (&rule.group, &rule.department))
        .collect();
    for (name, count, unique) in [
        (
            "roles",
            roles.len(),
            roles.iter().collect::<BTreeSet<_>>().len(),
        ),
        (
            "departments",
            pairs.len(),
            pairs.iter().collect::<BTreeSet<_>>().len(),
        ),
    ] {
        let expected = format!("at most {MAX_GROUPS} groups, each once");
        require(
            count <= MAX_GROUPS && count == unique,
            name,
            &expected,
            "others",
        )?;
    }
    for group in roles.iter().chain(pairs.iter().map(|(group, _)| group)) {
        check_line("group", group, MAX_GROUP)?;
    }
    for (_, department) in &pairs {
        check_line("department", department, MAX_NAME)?;
    }
    let has_role = !settings.roles.is_empty() || settings.default_role.is_some();
    let expected = "a role of a group, or a default role";
    require(
        has_role,
        "roles",
        expected,
        "no role, so that no person could sign in",
    )
}

fn check_domains(domains: &[String]) -> Result<(), Refusal> {
    let is_domain = |domain: &String| EmailAddress::parse(&format!("a@{domain}")).is_some();
    let are_domains = domains.len() <= MAX_DOMAINS && domains.iter().all(is_domain);
    let expected = format!("at most {MAX_DOMAINS} domains such as example.com");
    require(are_domains, "email_domains", &expected, "others")
}

/// Checks a line that people read.
fn check_line(member: &'static str, text: &str, most: usize) -> Result<(), Refusal> {
    let length = text.chars().count();
    let is_line = (1..=most).contains(&length) && !text.chars().any(is_unsafe);
    let expected = format!("1 to {most} characters without control and invisible characters");
    require(is_line, member, &expected, &format!("{length} characters"))
}

fn require(
    is_right: bool,
    member: &'static str,
    expected: &str,
    found: &str,
) -> Result<(), Refusal> {
    if is_right {
        return Ok(());
    }
    Err(bad(member, expected, found))
}

fn bad(member: &'static str, expected: &str, found: &str) -> Refusal {
    let detail = format!("the member `{member}` of the identity provider is not accepted");
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
        .about(member)
        .values(expected, found)
        .hint("correct the member, and repeat the request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{GroupDepartment, GroupRole, Role, test_settings};

    #[test]
    fn good_settings_are_accepted() {
        let settings = ProviderSettings {
            hosts: vec!["Keys.Example.com:8443".to_owned()],
            email_domains: vec!["ACME.example".to_owned()],
            after_logout: Some("https://licenses.acme.example/".to_owned()),
            ..test_settings("https://login.acme.example")
        };
        let checked = check(settings, false).unwrap();
        assert_eq!(checked.hosts, ["keys.example.com:8443"]);
        assert_eq!(checked.email_domains, ["acme.example"]);
        let local = test_settings("http://127.0.0.1:9");
        assert!(check(local.clone(), true).is_ok());
        let refused = check(local, false).unwrap_err();
        assert!(refused.detail.contains("issuer"), "{refused:?}");
    }

    #[test]
    fn each_member_is_checked() {
        let good = || test_settings("https://login.acme.example");
        type SettingsChange = Box<dyn Fn(&mut ProviderSettings)>;
        let cases: [(&str, SettingsChange); 19] = [
            ("name", Box::new(|s| s.name = String::new())),
            ("name", Box::new(|s| s.name = "a\r\nb".to_owned())),
            ("groups_claim", Box::new(|s| s.groups_claim = String::new())),
            (
                "issuer",
                Box::new(|s| s.issuer = "http://login.acme.example".to_owned()),
            ),
            (
                "issuer",
                Box::new(|s| s.issuer = "https://a@b.example".to_owned()),
            ),
            (
                "issuer",
                Box::new(|s| s.issuer = "https://a.example/?q".to_owned()),
            ),
            (
                "hosts",
                Box::new(|s| s.hosts = vec!["https://a.example".to_owned()]),
            ),
            (
                "hosts",
                Box::new(|s| s.hosts = vec!["a.example/x".to_owned()]),
            ),
            (
                "hosts",
                Box::new(|s| s.hosts = vec!["a.example:x".to_owned()]),
            ),
            (
                "after_logout",
                Box::new(|s| s.after_logout = Some("javascript:1".to_owned())),
            ),
            (
                "ca_certificates",
                Box::new(|s| s.ca_certificates = Some("none".to_owned())),
            ),
            ("client_id", Box::new(|s| s.client_id = "a b".to_owned())),
            ("scopes", Box::new(|s| s.scopes = vec!["email".to_owned()])),
            ("scopes", Box::new(|s| s.scopes.push("a b".to_owned()))),
            ("roles", Box::new(|s| s.roles = Vec::new())),
            ("roles", Box::new(|s| s.roles.push(s.roles[0].clone()))),
            (
                "group",
                Box::new(|s| {
                    s.roles.push(GroupRole {
                        group: "\n".to_owned(),
                        role: Role::Member,
                    })
                }),
            ),
            (
                "department",
                Box::new(|s| {
                    s.departments.push(GroupDepartment {
                        group: "a".to_owned(),
                        department: "a\nb".to_owned(),
                    })
                }),
            ),
            (
                "email_domains",
                Box::new(|s| s.email_domains = vec!["@acme.example".to_owned()]),
            ),
        ];
        for (member, change) in cases {
            let mut settings = good();
            change(&mut settings);
            let refused = check(settings, true).unwrap_err();
            assert_eq!(refused.code, "BAD_REQUEST");
            assert!(
                refused.detail.contains(&format!("`{member}`")),
                "{member}: {refused:?}"
            );
        }
        for secret in ["", "a\nb", "é", &"a".repeat(513)] {
            let refused = check_secret(secret).unwrap_err();
            assert_eq!(refused.actual.as_deref(), Some("another text"));
        }
        assert!(check_secret("a b:~").is_ok());
    }
}
