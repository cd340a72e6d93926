//! Sessions, through the operations and the ports.
// Helpers of tests may panic like tests.
#![allow(clippy::pedantic, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use moln_fabric::Workers;
use moln_kernel::{
    AccountId, ApiError, Caller, Clock, Context, Endpoint, ManualClock, MovableClock, Principal, Session,
    Timestamp,
    clock::BoxFuture,
    ports::{AssumeRole as _, Credentials as _, RoleFacts, Roles},
};
use moln_store::{MemoryStore, Scan, Store};
use moln_sts::{Sessions, model::*, tables};

const ROLE: &str = "arn:aws:iam::111122223333:role/team/r";

/// One role, with this trust policy.
struct One(String);

impl Roles for One {
    fn role<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Result<Option<RoleFacts>, ApiError>> {
        let facts = (role_arn == ROLE).then(|| RoleFacts {
            arn: ROLE.into(),
            id: "AROAXXXXXXXXXXXXXXXXX".into(),
            trust: self.0.clone(),
            max_session: Duration::from_hours(2),
        });
        Box::pin(std::future::ready(Ok(facts)))
    }
}

struct World {
    store: Store,
    clock: Arc<ManualClock>,
    sts: Arc<Sessions>,
    ctx: Context,
    trust: String,
}

impl World {
    fn new(statement: &str) -> Self {
        let trust = format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
        Self::on(MemoryStore::new(), Arc::new(ManualClock::new(Timestamp(1_800_000_000_000))), trust)
    }

    fn open() -> Self {
        Self::new(
            r#"{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
                "Principal": {"AWS": "111122223333", "Service": "lambda.amazonaws.com"}}"#,
        )
    }

    fn on(store: Store, clock: Arc<ManualClock>, trust: String) -> Self {
        let sts = Sessions::new(store.clone(), clock.clone(), Arc::new(One(trust.clone())));
        let account = AccountId::from("111122223333");
        let ctx = Context::internal(
            account.clone(),
            "eu-west-1".into(),
            Principal::Account(account),
            Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() }),
            clock.now(),
        );
        Self { store, clock, sts, ctx, trust }
    }

    fn restart(&self) -> Self {
        Self::on(self.store.clone(), self.clock.clone(), self.trust.clone())
    }

    async fn assume(
        &self,
        change: impl FnOnce(&mut AssumeRoleRequest),
    ) -> Result<AssumeRoleResponse, ApiError> {
        let mut input =
            AssumeRoleRequest { role_arn: ROLE.into(), role_session_name: "s".into(), ..Default::default() };
        change(&mut input);
        self.sts.assume_role(&self.ctx, input).await
    }

    /// As the caller whose key this is.
    fn with(&self, key: &str) -> Self {
        let mut world = self.restart();
        let found = world.sts.find(key).unwrap();
        world.ctx.account = found.account;
        world.ctx.principal = found.principal;
        world.ctx.caller = Some(found.caller);
        world
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_by_the_clock() {
    let world = World::open();
    let answer = world.assume(|input| input.duration_seconds = Some(900)).await.unwrap();
    let user = answer.assumed_role_user.unwrap();
    assert_eq!(user.arn, "arn:aws:sts::111122223333:assumed-role/r/s");
    assert_eq!(user.assumed_role_id, "AROAXXXXXXXXXXXXXXXXX:s");
    assert_eq!(answer.packed_policy_size, None);
    let keys = answer.credentials.unwrap();
    assert_eq!(keys.expiration, Timestamp(1_800_000_900_000));
    let found = world.restart().sts.find(&keys.access_key_id).unwrap();
    assert_eq!(
        (&*found.secret, found.session_token.as_deref()),
        (&*keys.secret_access_key, Some(&*keys.session_token))
    );
    assert_eq!(found.principal, Principal::Arn(user.arn.as_str().into()));
    assert_eq!(found.expires, Some(keys.expiration));
    let identity = world.with(&keys.access_key_id);
    let who = identity.sts.get_caller_identity(&identity.ctx, GetCallerIdentityRequest {}).await.unwrap();
    assert_eq!((who.arn, who.user_id), (Some(user.arn), Some(user.assumed_role_id)));
    let input = GetAccessKeyInfoRequest { access_key_id: keys.access_key_id.clone() };
    let account = world.sts.get_access_key_info(&world.ctx, input).await.unwrap().account;
    assert_eq!(account.as_deref(), Some("111122223333"));

    let workers = Workers::new(world.clock.clone());
    world.sts.start(&workers);
    let rows = || {
        tables::ENDS.scan(&*world.store.snapshot(), &tables::ENDS.all(), Scan::default()).unwrap().rows.len()
    };
    // Ended, it is still known as such for a day.
    world.clock.advance(Duration::from_hours(24));
    tokio::task::yield_now().await;
    assert!(world.sts.find(&keys.access_key_id).is_some() && rows() == 1);
    world.clock.advance(Duration::from_mins(16));
    for _ in 0..1_000 {
        if rows() == 0 {
            break;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(world.sts.find(&keys.access_key_id).is_none() && rows() == 0);
    workers.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn who_is_not_trusted_gets_nothing() {
    let refused = |statement: &'static str, change: fn(&mut AssumeRoleRequest)| async move {
        let error = World::new(statement).assume(change).await.err();
        error.map_or_else(String::new, |error| {
            assert_eq!((&*error.code, error.status), ("AccessDenied", 403));
            error.message
        })
    };
    let as_asked = |_: &mut AssumeRoleRequest| ();
    let root = "User: arn:aws:iam::111122223333:root is not authorized to perform:";
    let service = r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}"#;
    assert_eq!(refused(service, as_asked).await, format!("{root} sts:AssumeRole on resource: {ROLE}"));
    let plain = r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}"#;
    assert_eq!(refused(plain, as_asked).await, "");
    let tags = |input: &mut AssumeRoleRequest| input.tags = Some(vec![tag("a", "b")]);
    assert_eq!(refused(plain, tags).await, format!("{root} sts:TagSession on resource: {ROLE}"));
    let external = r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"},
        "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}"#;
    assert!(!refused(external, as_asked).await.is_empty());
    assert!(!refused(external, |input| input.external_id = Some("other".into())).await.is_empty());
    assert_eq!(refused(external, |input| input.external_id = Some("secret".into())).await, "");
    let elsewhere =
        |input: &mut AssumeRoleRequest| input.role_arn = "arn:aws:iam::111122223333:role/r".into();
    assert!(refused(plain, elsewhere).await.contains("on resource: arn:aws:iam::111122223333:role/r"));
    let mut anonymous = World::new(plain);
    anonymous.ctx.principal = Principal::Anonymous;
    assert!(anonymous.assume(|_| ()).await.is_err());
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let world = World::open();
    let case = |change: fn(&mut AssumeRoleRequest)| {
        let world = &world;
        async move {
            let error = world.assume(change).await.unwrap_err();
            (error.query_code.clone().unwrap_or(error.code.clone()).into_owned(), error.message)
        }
    };
    for (change, code, words) in [
        (
            (|input| input.duration_seconds = Some(7_201)) as fn(&mut AssumeRoleRequest),
            "ValidationError",
            "exceeds the MaxSessionDuration set for this role.",
        ),
        (|input| input.role_arn = "arn:aws:s3:::a-bucket-somewhere".into(), "ValidationError", "is invalid"),
        (|input| input.policy = Some("{".into()), "MalformedPolicyDocument", "valid JSON"),
        (
            |input| {
                input.policy_arns = Some(vec![PolicyDescriptorType { arn: Some("arn:aws:s3:::b".into()) }])
            },
            "ValidationError",
            "is not valid",
        ),
        (
            |input| input.serial_number = Some("arn:aws:iam::1:mfa/x".into()),
            "AccessDenied",
            "MultiFactorAuthentication",
        ),
        (
            |input| input.tags = Some((0..50).map(|n| tag(&n.to_string(), &"v".repeat(200))).collect()),
            "PackedPolicyTooLarge",
            "please use smaller policy",
        ),
    ] {
        let (found, message) = case(change).await;
        assert!(found == code && message.contains(words), "{found} {message}");
    }
    let sessions = tables::ENDS.scan(&*world.store.snapshot(), &tables::ENDS.all(), Scan::default()).unwrap();
    assert!(sessions.rows.is_empty(), "a refused request leaves nothing");
}

#[tokio::test]
async fn a_chain_of_roles_keeps_what_it_must() {
    let world = World::open();
    let first = world
        .assume(|input| {
            input.tags = Some(vec![tag("Team", "a"), tag("Other", "b")]);
            input.transitive_tag_keys = Some(vec!["team".into()]);
            input.source_identity = Some("olga".into());
        })
        .await
        .unwrap();
    assert_eq!(first.packed_policy_size, Some(1));
    let second = world.with(&first.credentials.unwrap().access_key_id);
    let error = second.assume(|input| input.tags = Some(vec![tag("TEAM", "x")])).await.unwrap_err();
    assert!(error.message.contains("conflicts with a transitive tag key"), "{error}");
    let error = second.assume(|input| input.duration_seconds = Some(3_601)).await.unwrap_err();
    assert!(error.message.contains("role chaining"), "{error}");
    let error = second.assume(|input| input.source_identity = Some("other".into())).await.unwrap_err();
    assert_eq!(error.code, "AccessDenied");
    let keys = second.assume(|_| ()).await.unwrap().credentials.unwrap();
    let session = world.sts.find(&keys.access_key_id).unwrap().caller.session.clone().unwrap();
    assert_eq!(session.tags, [("Team".to_owned(), "a".to_owned())].into());
    assert_eq!(session.source_identity.as_deref(), Some("olga"));
    assert_eq!(session.role_arn.as_deref(), Some(ROLE));
}

#[tokio::test]
async fn a_service_takes_on_a_role_that_trusts_it() {
    let world = World::open();
    let twelve = Duration::from_hours(12);
    let session =
        world.sts.assume(&world.ctx, ROLE, "my-function", "lambda.amazonaws.com", twelve).await.unwrap();
    assert_eq!(session.expires, Timestamp(1_800_000_000_000).after(twelve));
    let found = world.sts.find(&session.access_key_id).unwrap();
    assert_eq!(
        found.principal,
        Principal::Arn("arn:aws:sts::111122223333:assumed-role/r/my-function".into())
    );
    let error = world.sts.assume(&world.ctx, ROLE, "x", "events.amazonaws.com", twelve).await.err().unwrap();
    assert_eq!(error.code, "AccessDenied");
    let none = ROLE.replace("/r", "/none");
    let error = world.sts.assume(&world.ctx, &none, "x", "lambda.amazonaws.com", twelve).await.err().unwrap();
    assert_eq!(error.code, "NoSuchEntity");
}

#[tokio::test]
async fn users_get_sessions_of_their_own() {
    let mut world = World::open();
    world.ctx.principal = Principal::Arn("arn:aws:iam::111122223333:user/olga".into());
    let caller = Caller { access_key_id: "AKIA".into(), user_id: "AIDAX".into(), session: None };
    world.ctx.caller = Some(Arc::new(caller));
    let keys = world.sts.get_session_token(&world.ctx, GetSessionTokenRequest::default()).await.unwrap();
    let keys = keys.credentials.unwrap();
    assert_eq!(keys.expiration, Timestamp(1_800_000_000_000).after(Duration::from_hours(12)));
    let own = world.with(&keys.access_key_id);
    assert_eq!(
        (&own.ctx.principal, &*own.ctx.caller.as_ref().unwrap().user_id),
        (&world.ctx.principal, "AIDAX")
    );
    let error = own.sts.get_session_token(&own.ctx, GetSessionTokenRequest::default()).await.unwrap_err();
    assert_eq!(error.message, "Cannot call GetSessionToken with session credentials");
    let input = GetFederationTokenRequest { name: "bob".into(), ..Default::default() };
    let answer = world.sts.get_federation_token(&world.ctx, input).await.unwrap();
    let user = answer.federated_user.unwrap();
    assert_eq!(user.federated_user_id, "111122223333:bob");
    let bob = world.with(&answer.credentials.unwrap().access_key_id);
    assert_eq!(bob.ctx.principal, Principal::Arn("arn:aws:sts::111122223333:federated-user/bob".into()));
    assert_eq!(bob.ctx.caller.unwrap().session, Some(Session::default()));
}

#[tokio::test]
async fn strangers_are_not_told_who_they_are() {
    let mut world = World::open();
    let ask = |world: &World| {
        let (sts, ctx) = (world.sts.clone(), world.ctx.clone());
        async move { sts.get_caller_identity(&ctx, GetCallerIdentityRequest {}).await }
    };
    let root = ask(&world).await.unwrap();
    assert_eq!(root.arn.as_deref(), Some("arn:aws:iam::111122223333:root"));
    assert_eq!(root.user_id.as_deref(), Some("111122223333"));
    world.ctx.principal = Principal::Anonymous;
    assert_eq!(ask(&world).await.unwrap_err().code, "MissingAuthenticationToken");
}
