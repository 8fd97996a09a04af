//! Identity providers of an organization (OpenID Connect), and the roles of their people.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::SealedSecret;
use super::email::EmailAddress;
use super::role::{Permissions, Role};

/// An identity provider of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// The id: `idp_` and 32 hexadecimal digits. It is unique in the database.
    pub id: String,
    /// The settings.
    pub settings: ProviderSettings,
    /// The sealed client secret. `None`: the client is public, and proves itself by PKCE only.
    pub secret: Option<SealedSecret>,
    /// The number of the last change, from 1.
    pub version: i64,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The time of the last change.
    pub changed_at: DateTime<Utc>,
}

impl IdentityProvider {
    /// Returns the state for the audit trail, without the secret and the certificates.
    pub fn audited(&self) -> Value {
        let settings = &self.settings;
        let roles = settings.roles.iter();
        let roles = roles.map(|rule| json!({ "group": rule.group, "role": rule.role.as_str() }));
        let departments = settings.departments.iter();
        let departments =
            departments.map(|rule| json!({ "group": rule.group, "department": rule.department }));
        json!({
            "name": settings.name,
            "issuer": settings.issuer,
            "client_id": settings.client_id,
            "has_secret": self.secret.is_some(),
            "hosts": settings.hosts,
            "groups_claim": settings.groups_claim,
            "roles": roles.collect::<Vec<_>>(),
            "departments": departments.collect::<Vec<_>>(),
            "default_role": settings.default_role.map(Role::as_str),
            "highest_role": settings.highest_role.map(Role::as_str),
            "creates_people": settings.creates_people,
            "links_members": settings.links_members,
            "email_domains": settings.email_domains,
            "is_enabled": settings.is_enabled,
        })
    }
}

/// The settings of an identity provider, without the client secret. The database has them as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSettings {
    /// The name on pages and in lists.
    pub name: String,
    /// The issuer, exactly as ID tokens name it.
    pub issuer: String,
    /// The id of this server at the provider.
    pub client_id: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// Further hosts that get requests, such as that of the keys.
    pub hosts: Vec<String>,
    /// The authorities of the provider's certificate, in PEM. `None`: the public ones.
    pub ca_certificates: Option<String>,
    /// The claim with the groups of a person.
    pub groups_claim: String,
    /// The roles of groups. A person has the first role of [`Role::ALL`] that one of the groups
    /// gives.
    pub roles: Vec<GroupRole>,
    /// The departments of groups.
    pub departments: Vec<GroupDepartment>,
    /// The role of a person without a group that has one. `None`: the sign-in is refused.
    #[serde(with = "optional_role")]
    pub default_role: Option<Role>,
    /// The highest role with which a member can sign in. `None`: the highest of the other roles.
    #[serde(with = "optional_role")]
    pub highest_role: Option<Role>,
    /// Whether a person who signs in for the first time gets an account.
    pub creates_people: bool,
    /// Whether a person who signs in for the first time gets the account of the member with the
    /// same verified address.
    pub links_members: bool,
    /// The domains of the addresses of people. Empty: all, also people without an address.
    pub email_domains: Vec<String>,
    /// The URL to which the provider sends the browser after a logout.
    pub after_logout: Option<String>,
    /// Whether people can sign in.
    pub is_enabled: bool,
}

/// The role of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRole {
    /// The group, as the provider names it.
    pub group: String,
    /// The role.
    #[serde(with = "role")]
    pub role: Role,
}

/// The department of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDepartment {
    /// The group, as the provider names it.
    pub group: String,
    /// The department.
    pub department: String,
}

/// A person, according to a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderPerson {
    /// The id at the issuer.
    pub subject: String,
    /// The session at the provider.
    pub session: Option<String>,
    /// The address.
    pub email: Option<EmailAddress>,
    /// Whether the provider calls the address verified.
    pub is_email_verified: bool,
    /// The name.
    pub name: Option<String>,
    /// The groups.
    pub groups: BTreeSet<String>,
}

impl ProviderPerson {
    /// Returns the address, if the provider calls it verified.
    pub fn verified_email(&self) -> Option<&EmailAddress> {
        self.email.as_ref().filter(|_| self.is_email_verified)
    }
}

/// Omits everything about the person but the id.
impl std::fmt::Debug for ProviderPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderPerson")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// The role and departments of a person, according to the settings of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The role that the groups give, or the default role.
    pub role: Role,
    /// Whether the role replaces the one of a member. Without roles of groups, people keep the role
    /// that an administrator gave them.
    pub is_binding: bool,
    /// The departments that the groups give.
    pub departments: BTreeSet<String>,
}

/// The reason why a person may not sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionFault {
    /// The domain of the verified address is not accepted, or there is no verified address.
    Email,
    /// No group of the person has a role, and there is no default role.
    NoRole,
}

impl ProviderSettings {
    /// Decides what a person may do.
    ///
    /// # Errors
    ///
    /// Returns the reason why the person may not sign in.
    pub fn admit(&self, person: &ProviderPerson) -> Result<Admission, AdmissionFault> {
        if !self.accepts_email(person) {
            return Err(AdmissionFault::Email);
        }
        let is_held = |group: &str| person.groups.contains(group);
        let held = self.roles.iter().filter(|rule| is_held(&rule.group));
        // Roles are in the order of Role::ALL.
        let role = held.map(|rule| rule.role).min().or(self.default_role);
        let departments = self.departments.iter();
        Ok(Admission {
            role: role.ok_or(AdmissionFault::NoRole)?,
            is_binding: !self.roles.is_empty(),
            departments: departments
                .filter(|rule| is_held(&rule.group))
                .map(|rule| rule.department.clone())
                .collect(),
        })
    }

    fn accepts_email(&self, person: &ProviderPerson) -> bool {
        if self.email_domains.is_empty() {
            return true;
        }
        let email = person.verified_email();
        let domain = email.and_then(|email| Some(email.as_str().rsplit_once('@')?.1));
        domain.is_some_and(|domain| self.email_domains.iter().any(|one| one == domain))
    }

    /// Returns the permissions that people who sign in through this provider can have.
    pub fn permissions(&self) -> Permissions {
        let roles = self.roles.iter().map(|rule| rule.role);
        let roles = roles.chain(self.default_role).chain(self.highest_role);
        roles.fold(Permissions::NONE, |all, role| all.union(role.permissions()))
    }

    /// Returns the groups of a person from the claims that `get` returns. A claim that does not
    /// exist means no groups. A claim with dots can also be a path, such as `realm_access.roles`.
    ///
    /// # Errors
    ///
    /// Returns the expected content if the claim is neither a text nor a list of texts, and if the
    /// provider has left the groups out because there are too many (`_claim_names`).
    pub fn groups<'a>(
        &self,
        get: impl Fn(&str) -> Option<&'a Value>,
    ) -> Result<BTreeSet<String>, &'static str> {
        let claim = self.groups_claim.as_str();
        let elsewhere = get("_claim_names").and_then(|names| names.get(claim));
        if elsewhere.is_some() {
            return Err(
                "expected all groups in the token, found a reference to them; let the \
                        provider send only the groups that are assigned to this client",
            );
        }
        let found = get(claim).or_else(|| {
            let (first, rest) = claim.split_once('.')?;
            rest.split('.')
                .try_fold(get(first)?, |value, name| value.get(name))
        });
        let expected = "expected groups as a list of texts, found another value";
        match found {
            None | Some(Value::Null) => Ok(BTreeSet::new()),
            Some(Value::String(one)) => Ok(BTreeSet::from([one.clone()])),
            Some(Value::Array(all)) => {
                let texts = all.iter().map(|one| one.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or(expected)
            }
            Some(_) => Err(expected),
        }
    }
}

/// A role by its name.
mod role {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Role;

    pub(super) fn serialize<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(role.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(found: D) -> Result<Role, D::Error> {
        let text = String::deserialize(found)?;
        Role::parse(&text).ok_or_else(|| D::Error::custom("expected the name of a role"))
    }
}

/// A role by its name, or `null`.
mod optional_role {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Role;

    pub(super) fn serialize<S: Serializer>(
        role: &Option<Role>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        role.map(Role::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        found: D,
    ) -> Result<Option<Role>, D::Error> {
        let text = Option::<String>::deserialize(found)?;
        let parse = |text: String| {
            Role::parse(&text).ok_or_else(|| D::Error::custom("expected the name of a role"))
        };
        text.map(parse).transpose()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn settings(issuer: &str) -> ProviderSettings {
        ProviderSettings {
            name: "ACME".to_owned(),
            issuer: issuer.to_owned(),
            client_id: "licenses".to_owned(),
            scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
            hosts: Vec::new(),
            ca_certificates: None,
            groups_claim: "groups".to_owned(),
            roles: vec![
                group("auditors", Role::Auditor),
                group("admins", Role::Administrator),
                group("staff", Role::Member),
            ],
            departments: vec![GroupDepartment {
                group: "staff".to_owned(),
                department: "Research".to_owned(),
            }],
            default_role: None,
            highest_role: None,
            creates_people: true,
            links_members: false,
            email_domains: Vec::new(),
            after_logout: None,
            is_enabled: true,
        }
    }

    pub(crate) fn group(group: &str, role: Role) -> GroupRole {
        let group = group.to_owned();
        GroupRole { group, role }
    }

    pub(crate) fn person(email: &str, groups: &[&str]) -> ProviderPerson {
        ProviderPerson {
            subject: "u1".to_owned(),
            session: None,
            email: EmailAddress::parse(email),
            is_email_verified: true,
            name: Some("Ann".to_owned()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    #[test]
    fn the_first_role_of_the_groups_counts() {
        let settings = settings("https://login.acme.example");
        let role = |groups: &[&str]| {
            let admitted = settings.admit(&person("ann@acme.example", groups));
            admitted.map(|admission| admission.role)
        };
        assert_eq!(role(&["staff"]), Ok(Role::Member));
        assert_eq!(
            role(&["staff", "admins", "auditors"]),
            Ok(Role::Administrator)
        );
        // Names of groups are compared exactly.
        for groups in [&[][..], &["Admins"], &["admins "], &["administrators"]] {
            assert_eq!(role(groups), Err(AdmissionFault::NoRole), "{groups:?}");
        }
        let admitted = settings
            .admit(&person("ann@acme.example", &["staff"]))
            .unwrap();
        assert_eq!(
            admitted.departments,
            BTreeSet::from(["Research".to_owned()])
        );
        assert!(admitted.is_binding);
        let open = ProviderSettings {
            roles: Vec::new(),
            default_role: Some(Role::Member),
            ..settings
        };
        let admitted = open
            .admit(&person("ann@acme.example", &["admins"]))
            .unwrap();
        assert_eq!((admitted.role, admitted.is_binding), (Role::Member, false));
    }

    #[test]
    fn a_domain_needs_a_verified_address() {
        let settings = ProviderSettings {
            email_domains: vec!["acme.example".to_owned()],
            ..settings("https://login.acme.example")
        };
        let admits = |person: &ProviderPerson| settings.admit(person).is_ok();
        let ann = person("ann@ACME.example", &["staff"]);
        assert!(admits(&ann));
        let unverified = ProviderPerson {
            is_email_verified: false,
            ..ann.clone()
        };
        let without = ProviderPerson { email: None, ..ann };
        assert!(!admits(&unverified) && !admits(&without));
        for email in [
            "ann@evil.example",
            "ann@acme.example.evil.example",
            "ann@x.acme.example",
        ] {
            assert!(!admits(&person(email, &["staff"])), "{email}");
        }
    }

    #[test]
    fn groups_are_a_list_of_texts_or_one_text() {
        let claims = json!({
            "groups": ["a", "b"], "one": "a", "none": null, "bad": [1], "object": {"a": []},
            "realm_access": {"roles": ["r"]}, "https://acme.example/groups": ["n"],
            "_claim_names": {"too_many": "src1"},
        });
        let found = |claim: &str| {
            let settings = ProviderSettings {
                groups_claim: claim.to_owned(),
                ..settings("https://login.acme.example")
            };
            let groups = settings.groups(|name| claims.get(name))?;
            Ok::<_, &str>(groups.into_iter().collect::<Vec<_>>().join(","))
        };
        for (claim, expected) in [
            ("groups", "a,b"),
            ("one", "a"),
            ("none", ""),
            ("missing", ""),
            ("missing.roles", ""),
            ("realm_access.roles", "r"),
            ("https://acme.example/groups", "n"),
        ] {
            assert_eq!(found(claim).as_deref(), Ok(expected), "{claim}");
        }
        assert!(found("bad").is_err() && found("object").is_err());
        assert!(found("too_many").unwrap_err().contains("reference"));
    }

    #[test]
    fn the_json_of_settings_names_roles() {
        let settings = ProviderSettings {
            default_role: Some(Role::Member),
            ..settings("https://login.acme.example")
        };
        let text = serde_json::to_string(&settings).unwrap();
        assert!(text.contains(r#""default_role":"member""#), "{text}");
        assert_eq!(
            serde_json::from_str::<ProviderSettings>(&text).unwrap(),
            settings
        );
        let wrong = text.replace("\"member\"", "\"root\"");
        assert!(serde_json::from_str::<ProviderSettings>(&wrong).is_err());
    }

    #[test]
    fn permissions_are_those_of_all_roles() {
        let settings = settings("https://login.acme.example");
        assert_eq!(settings.permissions(), Role::Administrator.permissions());
    }
}
