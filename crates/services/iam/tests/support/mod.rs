//! IAM in memory, with a clock that is moved by hand.
// Every test file takes what it needs of this; helpers of tests may panic like tests.
#![allow(dead_code, unreachable_pub, clippy::pedantic, clippy::unwrap_used)]

use std::sync::Arc;

use moln_iam::{Iam as Service, model::*};
use moln_kernel::{AccountId, ApiError, Context, Endpoint, ManualClock, Principal, Timestamp};
use moln_store::{MemoryStore, Store};

pub const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}"#;
pub const POLICY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
pub const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

pub struct World {
    pub store: Store,
    pub iam: Arc<Service>,
    pub ctx: Context,
}

impl World {
    pub fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    pub fn on(store: Store) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
        let iam = Service::open(store.clone(), clock).unwrap();
        let account = AccountId::parse("000000000000").unwrap();
        let ctx = Context::internal(
            account.clone(),
            "eu-west-1".into(),
            Principal::Account(account),
            Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() }),
            Timestamp(1_800_000_000_000),
        );
        Self { store, iam, ctx }
    }

    /// The same data in a new process.
    pub fn restart(&self) -> Self {
        Self::on(self.store.clone())
    }

    pub async fn role(&self, name: &str) -> Role {
        self.try_role(name, TRUST).await.unwrap()
    }

    pub async fn try_role(&self, name: &str, trust: &str) -> Result<Role, ApiError> {
        let input = CreateRoleRequest {
            role_name: name.into(),
            assume_role_policy_document: trust.into(),
            ..Default::default()
        };
        Ok(self.iam.create_role(&self.ctx, input).await?.role)
    }

    pub async fn policy(&self, name: &str) -> String {
        let input = CreatePolicyRequest {
            policy_name: name.into(),
            policy_document: POLICY.into(),
            ..Default::default()
        };
        self.iam.create_policy(&self.ctx, input).await.unwrap().policy.unwrap().arn.unwrap()
    }

    pub async fn attach(&self, role: &str, arn: &str) -> Result<(), ApiError> {
        let input = AttachRolePolicyRequest { role_name: role.into(), policy_arn: arn.into() };
        self.iam.attach_role_policy(&self.ctx, input).await
    }

    pub async fn detach(&self, role: &str, arn: &str) -> Result<(), ApiError> {
        let input = DetachRolePolicyRequest { role_name: role.into(), policy_arn: arn.into() };
        self.iam.detach_role_policy(&self.ctx, input).await
    }

    pub async fn delete_role(&self, name: &str) -> Result<(), ApiError> {
        self.iam.delete_role(&self.ctx, DeleteRoleRequest { role_name: name.into() }).await
    }

    pub async fn get_role(&self, name: &str) -> Result<Role, ApiError> {
        Ok(self.iam.get_role(&self.ctx, GetRoleRequest { role_name: name.into() }).await?.role)
    }

    pub async fn user(&self, name: &str) -> User {
        let input = CreateUserRequest { user_name: name.into(), ..Default::default() };
        self.iam.create_user(&self.ctx, input).await.unwrap().user.unwrap()
    }

    pub async fn key(&self, user: &str) -> Result<AccessKey, ApiError> {
        let input = CreateAccessKeyRequest { user_name: Some(user.into()) };
        Ok(self.iam.create_access_key(&self.ctx, input).await?.access_key)
    }
}

pub fn code<T>(result: Result<T, ApiError>) -> String {
    match result {
        Ok(_) => "OK".into(),
        Err(error) => error.query_code.unwrap_or(error.code).into_owned(),
    }
}
