//! Groups and their seats.

use license_core::session::SessionId;
use license_core::time;
use license_seats::EndMode;

use super::floating::{acquire_request, session};
use super::{TestServer, id};
use crate::domain::{
    Account, AccountId, Actor, EmailAddress, GroupId, GroupShare, Membership, NewAuditEntry,
    PageRequest, PoolId, Refusal, RefusalKind, Role,
};
use crate::services::{AcquireReply, AcquireRequest};
use crate::store::AccountStore;

fn pool() -> PoolId {
    PoolId::new(&id(1))
}

fn share(reserved: u32, at_most: Option<u32>) -> GroupShare {
    GroupShare { reserved, at_most }
}

impl TestServer {
    /// Creates a member of the organization with the address `NAME@acme.example`.
    async fn member(&self, number: u8, name: &str) -> AccountId {
        let account = Account {
            id: AccountId::from_random([number; 16]),
            email: EmailAddress::parse(&format!("{name}@acme.example")),
            name: name.to_owned(),
            password: None,
            totp: None,
            created_at: time::MIN,
            verified_at: None,
        };
        let membership = Membership::new(self.services.tenant().clone(), Role::Member, time::MIN);
        let audit = NewAuditEntry {
            actor: Actor::Console,
            action: "account.create",
            subject: account.id.to_string(),
            before: None,
            details: serde_json::json!({}),
            at: time::MIN,
        };
        let created = self
            .store
            .create_account(account.clone(), membership, audit);
        assert!(created.await.unwrap());
        account.id
    }

    /// Creates a group with members. The first one administers it.
    async fn group(&self, name: &str, members: &[&AccountId]) -> GroupId {
        let (groups, console) = (&self.services.groups, &Actor::Console);
        let group = groups.create(console, name).await.unwrap().id;
        for (position, member) in members.iter().enumerate() {
            let put = groups.put_member(console, &group, member, position == 0);
            put.await.unwrap();
        }
        group
    }

    async fn set_share(&self, group: &GroupId, share: GroupShare) -> Result<(), Refusal> {
        let groups = &self.services.groups;
        groups
            .set_share(&Actor::Console, group, &pool(), share)
            .await
    }

    async fn seat_of(&self, token: &str, number: u8, user: &str, groups: &[&str]) -> &'static str {
        let request = AcquireRequest {
            user: user.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..acquire_request(token, number, false)
        };
        match self.services.seats.acquire(request).await {
            Ok(AcquireReply::Granted(_) | AcquireReply::Held(_)) => "granted",
            Ok(AcquireReply::Queued(state)) => panic!("{state:?}"),
            Err(refusal) => refusal.code,
        }
    }
}

#[tokio::test]
async fn members_use_the_seats_of_their_group_and_nobody_states_a_membership() {
    let (server, token) = TestServer::with_license().await;
    let (ann, bob) = (server.member(1, "ann").await, server.member(2, "bob").await);
    let design = server.group("Design", &[&ann]).await;
    let sales = server.group("Sales", &[&bob]).await;
    server.set_share(&design, share(2, None)).await.unwrap();
    server.set_share(&sales, share(0, Some(1))).await.unwrap();
    // Three of five seats are open. A stated id of a group counts as nothing.
    let stated = [design.as_str(), "grp_x", "simulation"];
    for number in 1..=3 {
        assert_eq!(
            server
                .seat_of(&token, number, "eve@acme.example", &stated)
                .await,
            "granted"
        );
    }
    let more = server.seat_of(&token, 4, "eve@acme.example", &stated).await;
    assert_eq!(more, "NO_SEAT");
    assert_eq!(
        server.seat_of(&token, 5, "ANN@acme.example", &[]).await,
        "granted"
    );
    let page = PageRequest::first();
    let leases = server.services.pools.leases(&pool(), &page).await.unwrap();
    let groups = |session: SessionId| {
        let mut leases = leases.items.iter();
        let lease = leases.find(|lease| lease.session == session).unwrap();
        lease.groups.clone()
    };
    assert_eq!(groups(session(1)), ["simulation"]);
    assert_eq!(groups(session(5)), [design.to_string()]);

    // The maximum of a group counts for its members only.
    server.set_share(&design, share(0, None)).await.unwrap();
    assert_eq!(
        server.seat_of(&token, 6, "bob@acme.example", &[]).await,
        "granted"
    );
    let full = server.seat_of(&token, 7, "bob@acme.example", &[]).await;
    assert_eq!(full, "SHARE_LIMIT");
    let groups = &server.services.groups;
    let seats = groups.pools(&sales).await.unwrap();
    assert_eq!((seats.len(), seats[0].held), (1, 1));
    assert_eq!(seats[0].share, share(0, Some(1)));
    let of_eve = EmailAddress::parse("EVE@acme.example").unwrap();
    assert_eq!(groups.leases_of_user(&of_eve).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_group_at_its_maximum_gets_no_seat_although_others_are_free() {
    let (server, token) = TestServer::with_license().await;
    let bob = server.member(2, "bob").await;
    let sales = server.group("Sales", &[&bob]).await;
    server.set_share(&sales, share(1, Some(1))).await.unwrap();
    assert_eq!(
        server.seat_of(&token, 1, "bob@acme.example", &[]).await,
        "granted"
    );
    let full = server.seat_of(&token, 2, "bob@acme.example", &[]).await;
    assert_eq!(full, "SHARE_LIMIT");
    assert_eq!(
        server.seat_of(&token, 3, "eve@acme.example", &[]).await,
        "granted"
    );
    // Shares are checked.
    for (wrong, code) in [
        (share(6, None), "BAD_REQUEST"),
        (share(3, Some(2)), "BAD_REQUEST"),
    ] {
        let refused = server.set_share(&sales, wrong).await.unwrap_err();
        assert_eq!(refused.code, code, "{wrong:?}");
    }
    let unknown = GroupId::from_random([9; 16]);
    let refused = server
        .set_share(&unknown, share(1, None))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, RefusalKind::NotFound);
    // A group that is deleted bounds nothing.
    let groups = &server.services.groups;
    groups.delete(&Actor::Console, &sales).await.unwrap();
    assert_eq!(
        server.seat_of(&token, 2, "bob@acme.example", &[]).await,
        "granted"
    );
}

#[tokio::test]
async fn a_group_ends_its_own_seats_only() {
    let (server, token) = TestServer::with_license().await;
    let (ann, bob) = (server.member(1, "ann").await, server.member(2, "bob").await);
    let design = server.group("Design", &[&ann]).await;
    let sales = server.group("Sales", &[&bob, &ann]).await;
    server.seat_of(&token, 1, "ann@acme.example", &[]).await;
    server.seat_of(&token, 2, "bob@acme.example", &[]).await;
    let groups = &server.services.groups;
    let leases = groups.leases(&design).await.unwrap();
    assert_eq!(leases.len(), 1);
    // The other group of the member is not shown.
    assert_eq!(leases[0].lease.groups, [design.to_string()]);
    let actor = Actor::Account(ann.clone());
    let end = |group: GroupId, number: u8| {
        let (actor, pool) = (actor.clone(), pool());
        async move {
            let lease = (&group, &pool, session(number), None);
            groups.end_lease(&actor, lease, EndMode::Hard, "left").await
        }
    };
    let refused = end(design.clone(), 2).await.unwrap_err();
    assert_eq!(refused.kind, RefusalKind::NotFound);
    assert_eq!(
        end(design.clone(), 9).await.unwrap_err().kind,
        RefusalKind::NotFound
    );
    end(design.clone(), 1).await.unwrap();
    assert!(groups.leases(&design).await.unwrap().is_empty());
    assert_eq!(groups.leases(&sales).await.unwrap().len(), 1);
    assert_eq!(
        groups.administered_by(&ann).await.unwrap(),
        std::slice::from_ref(&design)
    );
    assert_eq!(
        groups.administered_by(&bob).await.unwrap(),
        std::slice::from_ref(&sales)
    );
    let users = groups.users_of(&[design]).await.unwrap();
    assert_eq!(users.len(), 1);
    // Names are checked, and taken ones are refused.
    for (name, code) in [
        ("", "BAD_REQUEST"),
        ("a\r\nb", "BAD_REQUEST"),
        (" Sales ", "NAME_TAKEN"),
    ] {
        let created = groups.create(&Actor::Console, name).await;
        assert_eq!(created.unwrap_err().code, code, "{name:?}");
    }
}
