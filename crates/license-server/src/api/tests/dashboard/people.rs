//! Pages for people, their access and their organization.

mod access;
mod account;
mod forms;
mod links;
mod lists;
mod users;

use super::*;
use crate::domain::AccountId;

/// The pages of this module, each with a permission of a role that may open it.
const AREAS: [&str; 10] = [
    "/account",
    "/audit",
    "/events",
    "/groups",
    "/identity-providers",
    "/invitations",
    "/people",
    "/settings",
    "/tokens",
    "/webhooks",
];

/// Things of an organization, each with a page.
struct Things {
    member: AccountId,
    group: String,
    token: String,
    webhook: String,
    provider: String,
    invitation: String,
}

impl Dashboard {
    /// Sends a form that leads to another page, and returns its path.
    async fn sends(&self, browser: &PageBrowser, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.submit(browser, path, fields).await;
        answer.expect_redirect().to_owned()
    }

    /// Creates things with the forms.
    async fn things(&self, owner: &PageBrowser) -> Things {
        let tenant = TenantId::site();
        let create = super::super::people::create_account;
        let member = create(&self.api, &tenant, "eve@example.com", Role::Member).await;
        let group = [("name", "Research <b>")];
        let group = self.sends(owner, "/groups/new", &group).await;
        let fields = [("member", member.as_str()), ("administrator", "true")];
        self.sends(owner, &format!("{group}/members/add"), &fields)
            .await;
        let token = [
            ("name", "helpdesk <b>"),
            ("role", "auditor"),
            ("permissions[]", "seats:manage"),
            ("permissions[]", "people:manage"),
            ("days", "30"),
        ];
        let token = self.submit(owner, "/tokens/new", &token).await;
        token.expect(201).shows("lsv_");
        let webhook = [
            ("url", "https://hooks.example.com/secret-path"),
            ("events", "license.*\r\nlease.end"),
            ("description", "chat <b>"),
        ];
        let webhook = self.submit(owner, "/webhooks/new", &webhook).await;
        let webhook = webhook.expect(201);
        webhook.shows("whsec_");
        let provider = [
            ("name", "ACME <b>"),
            ("issuer", "https://login.acme.example"),
            ("client_id", "licenses"),
            ("client_secret", "hunter2"),
            ("scopes", "openid email"),
            ("hosts", ""),
            ("ca_certificates", ""),
            ("groups_claim", "groups"),
            ("roles", "admins = administrator\nteam=a = member"),
            ("departments", "staff = Research"),
            ("default_role", ""),
            ("highest_role", ""),
            ("email_domains", "acme.example"),
            ("after_logout", ""),
            ("is_enabled", "true"),
        ];
        let provider = self
            .sends(owner, "/identity-providers/new", &provider)
            .await;
        let invite = [("email", "carl@example.com"), ("role", "auditor")];
        let invited = self.submit(owner, "/people/invite", &invite).await;
        invited.expect(201).shows("/invitation#lsv_");
        let services = self.api.tenants.own();
        let tokens = services.tokens.list().await.unwrap();
        let invitations = services.members.invitations().await.unwrap();
        Things {
            member,
            group,
            token: tokens[0].id.clone(),
            webhook: services.webhooks.list().await.unwrap()[0].id.clone(),
            provider,
            invitation: invitations[0].id.clone(),
        }
    }
}
