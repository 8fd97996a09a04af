//! A walk over all pages with the things of another organization.

use std::collections::BTreeSet;

use super::super::tenants::{use_site, use_vendor, vendor_role};
use super::super::walk::Resources;
use super::*;
use crate::services::tests::billing::TestStripe;

/// Parameters of pages that name something of the person or of a link, and not of the organization.
/// Other tests cover them.
const PERSONAL: [&str; 5] = [
    "/account/sessions/{session}/end",
    "/account/organizations/{organization}",
    "/account/organizations/{organization}/leave",
    "/setup/{secret}",
    "/setup/{secret}/token",
];

/// Pages that show the entry of the own organization with the same number.
const NUMBERED: [&str; 2] = ["/audit/{seq}", "/events/{seq}"];

/// The page that names a seat in its query.
const WITH_QUERY: &str = "/groups/{group}/end";

/// Returns the fields of the form of a page that is sent to a path: with the values that are shown,
/// the first choices, and a text for the others.
fn form_of(html: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (_, form) = html.split_once(&format!("<form method=\"post\" action=\"{path}\""))?;
    let form = form.split("</form>").next()?;
    let fields = form.split(" name=\"").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once('"')?;
        let (tag, content) = rest.split_once('>')?;
        let shown = if content.starts_with("<option") {
            content.split("</select>").next()?
        } else {
            tag
        };
        let values = shown.split("value=\"").skip(1);
        let mut values = values.filter_map(|value| value.split('"').next());
        let value = values.find(|value| !value.is_empty());
        let other = if name == "email" {
            "eve@example.com"
        } else {
            "7"
        };
        Some((name.to_owned(), value.unwrap_or(other).to_owned()))
    });
    Some(fields.filter(|(name, _)| name != "csrf_token").collect())
}

/// Returns the path of a page with the values of its parameters. `None`: the server has no such
/// thing.
fn filled(path: &str, resources: &Resources) -> Option<String> {
    let mut filled = path.replace("{seq}", "1");
    for (name, id) in &resources.ids {
        let parameter = format!("{{{name}}}");
        if filled.contains(&parameter) {
            filled = filled.replace(&parameter, id.as_ref()?);
        }
    }
    assert!(
        !filled.contains('{'),
        "add a value for the parameters of {path}"
    );
    Some(filled)
}

impl Dashboard {
    /// Opens all pages with parameters, and sends their forms, as the owner of another
    /// organization. Returns the number of the paths.
    async fn walk_pages(&self, resources: &Resources) -> usize {
        let owner = self.sign_in(Role::Owner).await;
        let second = TenantId::new(uuid::Uuid::from_u128(2));
        let create = super::super::people::create_account;
        create(&self.api, &second, "mallory@example.org", Role::Owner).await;
        let mallory = self.sign_in_as("mallory@example.org").await;
        let before = self.open(&owner, "/audit").await.expect(200).html;
        let mut walked = BTreeSet::new();
        for path in crate::api::dashboard::paths(&self.api.app) {
            let is_walked = path.contains('{') && !PERSONAL.contains(&path.as_str());
            let real = is_walked.then(|| filled(&path, resources)).flatten();
            let Some(real) = real else {
                continue;
            };
            let query = if path == WITH_QUERY {
                filled("?pool={pool}&session={session}&seq=1", resources).unwrap_or_default()
            } else {
                String::new()
            };
            let opened_path = format!("{real}{query}");
            let own = self.open(&owner, &opened_path).await;
            let is_page = own.status != 405;
            let is_own = [200, 409].contains(&own.status) || !is_page;
            assert!(is_own, "the owner opens {path}: {own:?}");
            let opened = self.open(&mallory, &opened_path).await;
            expect_nothing(&opened_path, &opened, resources);
            if !NUMBERED.contains(&path.as_str()) {
                expect_hidden(&path, &opened, is_page);
            }
            // A form that is a button has no fields. A preview has the form of the page above it.
            let above = real.strip_suffix("/preview").unwrap_or(&real);
            let shown = self.open(&owner, &format!("{above}{query}")).await;
            walked.insert(path.clone());
            if shown.status == 409 {
                // The thing has no such form, such as users of a license that names none.
                continue;
            }
            let html = shown.html;
            let fields = form_of(&html, &real).or_else(|| form_of(&html, above));
            let fields = fields.unwrap_or_default();
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let sent = self.submit(&mallory, &real, &fields).await;
            let has_form = sent.status != 405;
            assert!(is_page || has_form, "{path}");
            expect_nothing(&opened_path, &sent, resources);
            expect_hidden(&path, &sent, has_form);
        }
        let after = self.open(&owner, "/audit").await.expect(200).html;
        assert_eq!(before, after, "another organization changed something");
        walked.len()
    }
}

/// Expects that a thing of another organization does not exist.
#[track_caller]
fn expect_hidden(path: &str, answer: &PageAnswer, has: bool) {
    let is_other_role = answer.status == 409 && answer.html.contains("WRONG_ROLE");
    let is_hidden = answer.status == 404 || is_other_role || (!has && answer.status == 405);
    assert!(is_hidden, "{path}: {} {}", answer.status, answer.html);
}

/// Expects that an answer says nothing about the things of another organization, except for the ids
/// of the request.
#[track_caller]
fn expect_nothing(path: &str, answer: &PageAnswer, resources: &Resources) {
    let unknown = |text: &&String| !path.contains(text.as_str());
    for text in resources.texts.iter().filter(unknown) {
        let is_shown = answer.html.contains(text.as_str());
        assert!(!is_shown, "{path} shows {text}: {}", answer.html);
    }
}

#[tokio::test]
async fn another_organization_reaches_no_page_of_a_site() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let resources = use_site(&dashboard.api).await;
    // The token of the resources.
    dashboard.api.token(&TenantId::site(), "owner").await;
    let walked = dashboard.walk_pages(&resources).await;
    assert!(walked >= 40, "{walked} paths");
}

#[tokio::test]
async fn another_organization_reaches_no_page_of_a_vendor() {
    let directory = tempfile::tempdir().unwrap();
    let stripe = TestStripe::start();
    let role = vendor_role(directory.path());
    let dashboard = Dashboard::start_selling(role, stripe.setup()).await;
    let resources = use_vendor(&dashboard.api, &stripe).await;
    let walked = dashboard.walk_pages(&resources).await;
    assert!(walked >= 40, "{walked} paths");
}
