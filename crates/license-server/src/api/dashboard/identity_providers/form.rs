//! The form of an identity provider.

use license_dashboard::{Field, Form, Kind};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::list::{given, role_field, words};
use crate::api::members::role;
use crate::api::problem::Problem;
use crate::domain::{GroupDepartment, GroupRole, ProviderSettings, Role};
use crate::services::ClientSecret;

/// The values of the form. A checkbox that is not checked has none.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderForm {
    name: String,
    issuer: String,
    client_id: String,
    client_secret: Option<Zeroizing<String>>,
    is_public: Option<String>,
    scopes: String,
    hosts: String,
    ca_certificates: String,
    groups_claim: String,
    /// Lines such as `admins = administrator`.
    roles: String,
    /// Lines such as `staff = Research`.
    departments: String,
    default_role: String,
    highest_role: String,
    creates_people: Option<String>,
    links_members: Option<String>,
    email_domains: String,
    after_logout: String,
    is_enabled: Option<String>,
}

fn check(is_on: bool) -> Option<String> {
    is_on.then(|| "true".to_owned())
}

impl ProviderForm {
    /// Returns the values of a new provider.
    pub(super) fn new() -> Self {
        Self {
            scopes: "openid email profile".to_owned(),
            groups_claim: "groups".to_owned(),
            creates_people: check(true),
            is_enabled: check(true),
            ..Self::default()
        }
    }

    /// Returns the values of a provider.
    pub(super) fn of(settings: &ProviderSettings) -> Self {
        let role = |role: Option<Role>| role.map_or("", Role::as_str).to_owned();
        let roles = settings.roles.iter();
        let roles = roles.map(|rule| format!("{} = {}", rule.group, rule.role));
        let departments = settings.departments.iter();
        let departments = departments.map(|rule| format!("{} = {}", rule.group, rule.department));
        Self {
            name: settings.name.clone(),
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: None,
            is_public: None,
            scopes: settings.scopes.join(" "),
            hosts: settings.hosts.join(" "),
            ca_certificates: settings.ca_certificates.clone().unwrap_or_default(),
            groups_claim: settings.groups_claim.clone(),
            roles: roles.collect::<Vec<_>>().join("\n"),
            departments: departments.collect::<Vec<_>>().join("\n"),
            default_role: role(settings.default_role),
            highest_role: role(settings.highest_role),
            creates_people: check(settings.creates_people),
            links_members: check(settings.links_members),
            email_domains: settings.email_domains.join(" "),
            after_logout: settings.after_logout.clone().unwrap_or_default(),
            is_enabled: check(settings.is_enabled),
        }
    }

    /// Returns the settings and the change of the client secret.
    ///
    /// # Errors
    ///
    /// Returns `MALFORMED` with the name of the field for a line or a role that is not acceptable.
    pub(super) fn parts(&self) -> Result<(ProviderSettings, ClientSecret), Problem> {
        let is_on = |value: &Option<String>| value.as_deref() == Some("true");
        let optional = |text: &str| given(text).map(str::to_owned);
        let optional_role = |text: &str| given(text).map(role).transpose();
        let sent = self.client_secret.as_ref().filter(|text| !text.is_empty());
        let secret = match sent {
            _ if is_on(&self.is_public) => ClientSecret::Remove,
            Some(secret) => ClientSecret::Set(secret.clone()),
            None => ClientSecret::Keep,
        };
        let roles = rules("roles", &self.roles)?.into_iter();
        let roles = roles.map(|(group, name)| {
            let role = Role::parse(&name).ok_or_else(|| {
                let roles = Role::ALL.map(Role::as_str).join(", ");
                Problem::malformed(format!("roles: the roles are {roles}"))
            });
            role.map(|role| GroupRole { group, role })
        });
        let departments = rules("departments", &self.departments)?.into_iter();
        let departments =
            departments.map(|(group, department)| GroupDepartment { group, department });
        let settings = ProviderSettings {
            name: self.name.trim().to_owned(),
            issuer: self.issuer.trim().to_owned(),
            client_id: self.client_id.trim().to_owned(),
            scopes: words(&self.scopes),
            hosts: words(&self.hosts),
            ca_certificates: optional(&self.ca_certificates),
            groups_claim: self.groups_claim.trim().to_owned(),
            roles: roles.collect::<Result<_, _>>()?,
            departments: departments.collect(),
            default_role: optional_role(&self.default_role)?,
            highest_role: optional_role(&self.highest_role)?,
            creates_people: is_on(&self.creates_people),
            links_members: is_on(&self.links_members),
            email_domains: words(&self.email_domains),
            after_logout: optional(&self.after_logout),
            is_enabled: is_on(&self.is_enabled),
        };
        Ok((settings, secret))
    }
}

/// Returns the pairs of lines such as `group = value`. The name of a group can contain `=`.
fn rules(name: &str, text: &str) -> Result<Vec<(String, String)>, Problem> {
    let lines = text.lines().filter_map(given);
    let pairs = lines.map(|line| {
        let (group, value) = line.rsplit_once('=').ok_or_else(|| {
            Problem::malformed(format!("{name}: each line has the form group = value"))
        })?;
        Ok((group.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.collect()
}

/// Adds the fields of a provider to a form.
pub(super) fn provider_form(
    form: Form,
    context: &PageContext,
    sent: &ProviderForm,
    has_secret: bool,
) -> Form {
    let form = connection(form, sent, has_secret);
    let form = groups(form, context, sent);
    let checked = |name: &str, label: &str, value: &Option<String>| {
        Field::new(Kind::Check, name, label).value(value.clone().unwrap_or_default())
    };
    let creates = checked(
        "creates_people",
        "New people get an account",
        &sent.creates_people,
    );
    let links = checked(
        "links_members",
        "People get the account of the member with the same verified address",
        &sent.links_members,
    );
    let domains = Field::text("email_domains", "Domains of addresses");
    let after = Field::text("after_logout", "Address after the sign-out");
    form.group("Accounts")
        .field(creates)
        .field(links)
        .field(
            domains
                .value(sent.email_domains.clone())
                .help("Empty: all."),
        )
        .field(after.value(sent.after_logout.clone()))
        .field(checked(
            "is_enabled",
            "People can sign in",
            &sent.is_enabled,
        ))
}

/// Adds the fields for the connection to the provider.
fn connection(form: Form, sent: &ProviderForm, has_secret: bool) -> Form {
    let line = |name: &str, label: &str, value: &str| Field::text(name, label).value(value);
    let secret = Field::new(Kind::Password, "client_secret", "Client secret");
    let secret = secret.autocomplete("off").help(if has_secret {
        "A secret is stored. Empty: it stays."
    } else {
        "The provider shows it with the client id."
    });
    let is_public = Field::new(Kind::Check, "is_public", "The client has no secret")
        .value(sent.is_public.clone().unwrap_or_default());
    let authorities = Field::new(
        Kind::Lines,
        "ca_certificates",
        "Certificate authorities (PEM)",
    )
    .value(sent.ca_certificates.clone());
    form.field(line("name", "Name", &sent.name).required().max_length(100))
        .field(
            line("issuer", "Issuer", &sent.issuer)
                .required()
                .help("Exactly as the provider names it, such as https://login.example.com."),
        )
        .field(line("client_id", "Client id", &sent.client_id).required())
        .field(secret)
        .field(is_public)
        .group("Scopes and network")
        .field(line("scopes", "Scopes", &sent.scopes).required())
        .field(
            line("hosts", "Further hosts", &sent.hosts).help(
                "Hosts that the server may ask besides the issuer, such as that of the keys.",
            ),
        )
        .field(authorities.help("Empty: the public ones."))
}

/// Adds the fields for groups and roles.
fn groups(form: Form, context: &PageContext, sent: &ProviderForm) -> Form {
    let claim = Field::text("groups_claim", "Claim with groups").value(sent.groups_claim.clone());
    let lines =
        |name: &str, label: &str, value: &str| Field::new(Kind::Lines, name, label).value(value);
    let roles = lines("roles", "Roles of groups", &sent.roles).help(
        "One in a line, such as license-admins = administrator. The roles are owner, \
         administrator, license_manager, billing, auditor and member.",
    );
    let departments = lines("departments", "Groups of this server", &sent.departments)
        .help("One in a line: the group at the provider = the group here.");
    let role = |name, label, text: &str, none| {
        role_field(context, (name, label), Role::parse(text), Some(none))
    };
    form.group("Groups and roles")
        .field(claim.required())
        .field(roles)
        .field(departments)
        .field(role(
            "default_role",
            "Role of people without such a group",
            &sent.default_role,
            "None: they cannot sign in",
        ))
        .field(role(
            "highest_role",
            "Highest role of members who can sign in",
            &sent.highest_role,
            "The highest of the roles above",
        ))
}
