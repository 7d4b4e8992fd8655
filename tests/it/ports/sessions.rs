//! `SessionRepository`, `Revocations` and `AccountChanges`, over PostgreSQL.

use std::time::Duration;

use domain::{
    customers::{CustomerChange, CustomerRepository},
    identity::{
        Account, AccountChange, AccountChanges, AccountRepository, Actor, PasswordReset, Principal,
        Revocations, RevokedSince, RevokedUpTo, Rotation, Session, SessionChange, SessionId,
        SessionRepository, TokenHash,
    },
    values::{Freshness, Limit, PageRequest},
};
use futures_util::future::join_all;
use integration_tests::World;
use uuid::Uuid;

/// An account that is in storage.
async fn account(world: &World, principal: Principal) -> Account {
    let account = World::an_account(&format!("{}@example.com", World::id()), principal);
    world
        .accounts
        .insert(&account, &World::operator())
        .await
        .unwrap();
    account
}

/// Whoever owns this account.
fn of(account: &Account) -> Actor {
    Actor::new(account.id, account.principal.role(), None)
}

fn standing(account: Account) -> AccountChange {
    AccountChange::Standing {
        account,
        by: World::operator(),
        at: World::now(),
    }
}

fn password(account: Account) -> AccountChange {
    AccountChange::Password {
        account,
        session: None,
        by: World::operator(),
        at: World::now(),
    }
}

async fn begun(world: &World, account: &Account) -> Session {
    let session = World::a_session(account);
    assert!(
        world
            .sessions
            .insert(&session, account, &World::operator())
            .await
            .unwrap()
    );
    session
}

async fn told(world: &World, up_to: Option<RevokedUpTo>) -> (Vec<Uuid>, RevokedUpTo) {
    let lately = World::now() - Duration::from_mins(1);
    let since = up_to.map_or(RevokedSince::Moment(lately), RevokedSince::Reading);
    let revoked = world.sessions.since(since).await.unwrap();
    (revoked.ids, revoked.up_to)
}

async fn change(world: &World, change: &AccountChange, of: &Account) {
    let opened = world.accounts.open(of.id).await.unwrap().unwrap();
    opened.unit.commit(change).await.unwrap();
}

#[tokio::test]
async fn a_session_is_found_as_it_was_stored() {
    let world = World::new().await;
    let account = account(&world, Principal::Staff).await;
    let session = begun(&world, &account).await;
    let opened = world.sessions.open(session.id).await.unwrap().unwrap();
    assert_eq!(opened.state.session, session);
    assert_eq!(opened.state.principal, Principal::Staff);
    let rotated = Session {
        used_at: World::now(),
        expires_at: World::now() + Duration::from_hours(1),
        token: TokenHash::from_bytes([3; 32]),
        rotation: Some(Rotation {
            replaced: session.token,
            salt: [4; 16],
        }),
        ..session
    };
    let change = SessionChange::Rotated(Box::new(rotated.clone()));
    opened.unit.commit(&change).await.unwrap();
    let opened = world.sessions.open(rotated.id).await.unwrap().unwrap();
    assert_eq!(opened.state.session, rotated);
    opened.unit.abandon().await.unwrap();
    let none = world.sessions.open(SessionId::new(World::id())).await;
    assert!(none.unwrap().is_none());
    world.no_transaction_is_left_open().await;
}

#[tokio::test]
async fn an_accounts_sessions_are_listed_page_by_page_without_the_expired_and_those_of_others() {
    let world = World::new().await;
    let (ana, bia) = (
        account(&world, Principal::Staff).await,
        account(&world, Principal::Staff).await,
    );
    begun(&world, &bia).await;
    let expired = Session {
        expires_at: World::now(),
        ..World::a_session(&ana)
    };
    assert!(
        world
            .sessions
            .insert(&expired, &ana, &World::operator())
            .await
            .unwrap()
    );
    let mut begun_in_turn = Vec::new();
    for _ in 0..5 {
        begun_in_turn.push(begun(&world, &ana).await.id);
    }
    begun_in_turn.reverse();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest {
            limit: Limit::parse(2).unwrap(),
            after,
            freshness: Freshness::Latest,
        };
        let page = world.sessions.page(ana.id, World::now(), &page).await;
        let page = page.unwrap();
        listed.extend(page.items.iter().map(|session| session.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, begun_in_turn);
}

#[tokio::test]
async fn however_a_session_ends_it_is_told() {
    let world = World::new().await;
    let staff = account(&world, Principal::Staff).await;
    let sessions: Vec<_> = join_all((0..5).map(|_| async { begun(&world, &staff).await.id })).await;
    let (ids, mut up_to) = told(&world, None).await;
    assert!(ids.is_empty());
    let mut heard = async |expected: &[SessionId]| {
        let (mut ids, now) = told(&world, Some(up_to)).await;
        ids.retain(|id| expected.iter().any(|expected| expected.as_uuid() == *id));
        assert_eq!(ids.len(), expected.len());
        up_to = now;
    };
    // A logout.
    let ended = world
        .sessions
        .end(&of(&staff), Some(sessions[0]), World::now())
        .await;
    assert_eq!(ended.unwrap(), 1);
    heard(&sessions[..1]).await;
    // A token that was used twice.
    let opened = world.sessions.open(sessions[1]).await.unwrap().unwrap();
    let ended = SessionChange::Ended(sessions[1]);
    opened.unit.commit(&ended).await.unwrap();
    heard(&sessions[1..2]).await;
    // By hand.
    let by_hand = format!("delete from sessions where id = '{}'", sessions[2]);
    world
        .test
        .client()
        .await
        .batch_execute(&by_hand)
        .await
        .unwrap();
    heard(&sessions[2..3]).await;
    // Another role.
    change(&world, &standing(staff.clone()), &staff).await;
    heard(&sessions[3..]).await;
    for session in sessions {
        assert!(!world.sessions.is_live(session).await.unwrap());
    }
    // The end of its account.
    let ana = World::a_customer("ana@example.com");
    let of_ana = World::an_account("ana@example.com", Principal::Customer(ana.id));
    world
        .customers
        .insert(&ana, Some(&of_ana), None, None)
        .await
        .unwrap();
    let session = begun(&world, &of_ana).await;
    let opened = CustomerRepository::open(&world.customers, ana.id).await;
    let erased = CustomerChange::Erased {
        id: ana.id,
        version: ana.version.next(),
        by: World::operator(),
        at: World::now(),
    };
    opened.unwrap().unwrap().unit.commit(&erased).await.unwrap();
    heard(&[session.id]).await;
}

#[tokio::test]
async fn a_session_that_ends_in_a_transaction_which_began_long_before_is_told_once_it_ends() {
    let world = World::new().await;
    let staff = account(&world, Principal::Staff).await;
    let (slow, fast) = (
        begun(&world, &staff).await.id,
        begun(&world, &staff).await.id,
    );
    let mut client = world.test.client().await;
    let transaction = client.transaction().await.unwrap();
    let end = format!("delete from sessions where id = '{slow}'");
    transaction.batch_execute(&end).await.unwrap();
    world
        .sessions
        .end(&of(&staff), Some(fast), World::now())
        .await
        .unwrap();
    let (ids, up_to) = told(&world, None).await;
    assert_eq!(ids, [fast.as_uuid()]);
    transaction.commit().await.unwrap();
    let (ids, _) = told(&world, Some(up_to)).await;
    assert!(ids.contains(&slow.as_uuid()));
}

#[tokio::test]
async fn no_session_begins_for_an_account_that_is_disabled_or_has_changed() {
    let world = World::new().await;
    let known = account(&world, Principal::Staff).await;
    let changed = Account {
        version: known.version.next(),
        ..known.clone()
    };
    change(&world, &standing(changed.clone()), &known).await;
    let insert = async |of: &Account| {
        let session = World::a_session(of);
        world
            .sessions
            .insert(&session, of, &World::operator())
            .await
            .unwrap()
    };
    assert!(!insert(&known).await);
    assert!(insert(&changed).await);
    let disabled = Account {
        disabled_at: Some(World::now()),
        ..changed.clone()
    };
    change(&world, &standing(disabled), &changed).await;
    assert!(!insert(&changed).await);
}

#[tokio::test]
async fn a_password_that_changes_while_somebody_logs_in_leaves_no_session_of_the_old_one() {
    let world = World::ready_to_race().await;
    for _ in 0..20 {
        let known = account(&world, Principal::Staff).await;
        let changed = Account {
            version: known.version.next(),
            ..known.clone()
        };
        let logins = join_all((0..4).map(|_| async {
            let session = World::a_session(&known);
            world
                .sessions
                .insert(&session, &known, &World::operator())
                .await
                .unwrap()
        }));
        let changed = password(changed);
        tokio::join!(logins, change(&world, &changed, &known));
        let of = known.id;
        let left = format!("select count(*) from sessions where account_id = '{of}'");
        assert_eq!(world.count(&left).await, 0);
    }
}

#[tokio::test]
async fn of_administrators_who_demote_each_other_at_once_one_stays() {
    let world = World::ready_to_race().await;
    let admins = [
        account(&world, Principal::Admin).await,
        account(&world, Principal::Admin).await,
    ];
    let demotions = admins.each_ref().map(|admin| async {
        let opened = world.accounts.open_among_admins(admin.id).await;
        let opened = opened.unwrap().unwrap();
        if opened.state.other_admins == 0 {
            opened.unit.abandon().await.unwrap();
            return false;
        }
        let demoted = standing(Account {
            principal: Principal::Staff,
            ..opened.state.account
        });
        opened.unit.commit(&demoted).await.unwrap();
        true
    });
    let demoted = World::soon("two demotions", join_all(demotions)).await;
    assert_eq!(demoted.iter().filter(|demoted| **demoted).count(), 1);
    let left = "select count(*) from users where role = 'admin'";
    assert_eq!(world.count(left).await, 1);
}

#[tokio::test]
async fn a_token_to_reset_a_password_is_good_once_until_it_expires_or_is_replaced() {
    let world = World::ready_to_race().await;
    let known = account(&world, Principal::Staff).await;
    let token = |n| TokenHash::from_bytes([n; 32]);
    let in_an_hour = World::now() + Duration::from_hours(1);
    let offer = async |n| {
        let offered = AccountChange::ResetOffered {
            reset: PasswordReset {
                account_id: known.id,
                token: token(n),
                expires_at: in_an_hour,
            },
            by: World::operator(),
            at: World::now(),
        };
        change(&world, &offered, &known).await;
    };
    let open = async |n, now| {
        let opened = world.accounts.open_with_reset(&token(n), now).await;
        opened.unwrap()
    };
    offer(1).await;
    offer(2).await;
    assert!(open(1, World::now()).await.is_none());
    assert!(open(2, in_an_hour).await.is_none());
    let redemptions = (0..8).map(|_| async {
        let Some(opened) = open(2, World::now()).await else {
            return 0;
        };
        assert_eq!(opened.state.id, known.id);
        let changed = password(opened.state);
        opened.unit.commit(&changed).await.unwrap();
        1
    });
    assert_eq!(join_all(redemptions).await.iter().sum::<i32>(), 1);
    world.no_transaction_is_left_open().await;
}

#[tokio::test]
async fn what_has_expired_is_removed_a_few_at_a_time() {
    let world = World::new().await;
    let staff = account(&world, Principal::Staff).await;
    for _ in 0..3 {
        begun(&world, &staff).await;
    }
    let remove = async |now, forgotten| {
        let removed = world.sessions.remove_expired(now, forgotten, 2).await;
        removed.unwrap()
    };
    let (now, later) = (World::now(), World::now() + Duration::from_hours(25));
    let before = now - Duration::from_hours(1);
    assert_eq!(remove(now, before).await, 0);
    assert_eq!(remove(later, before).await, 2);
    assert_eq!(remove(later, before).await, 1);
    assert_eq!(world.count("select count(*) from revocations").await, 3);
    assert_eq!(remove(later, later).await, 2);
    assert_eq!(remove(later, later).await, 1);
    assert_eq!(world.count("select count(*) from revocations").await, 0);
}
