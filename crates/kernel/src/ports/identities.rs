//! Who may sign, and roles that services take on.

use std::{sync::Arc, time::Duration};

use crate::{ApiError, Context, Timestamp, clock::BoxFuture};

/// Finds the secret of an access key.
pub trait Credentials: Send + Sync {
    /// `None`: the key is not known.
    fn find(&self, access_key_id: &str) -> Option<Credential>;
}

/// What an access key stands for.
#[derive(Clone)]
pub struct Credential {
    /// The secret access key.
    pub secret: Arc<str>,
    /// The session token that must come along, for temporary credentials.
    pub session_token: Option<Arc<str>>,
    /// The account.
    pub account: crate::AccountId,
    /// Who it is.
    pub principal: crate::Principal,
    /// What there is to know besides.
    pub caller: Arc<crate::Caller>,
    /// From then on it is refused as expired.
    pub expires: Option<Timestamp>,
}

/// A session's credentials, for a function or a service that acts in a role.
#[derive(Clone)]
pub struct RoleSession {
    /// `ASIA…`
    pub access_key_id: Arc<str>,
    /// The secret access key.
    pub secret: Arc<str>,
    /// The session token.
    pub session_token: Arc<str>,
    /// When they end.
    pub expires: Timestamp,
}

/// Roles, as services take them on.
pub trait AssumeRole: Send + Sync {
    /// Credentials of a session of the role for a service (`lambda.amazonaws.com`). `lasting` is 15 minutes to 12 hours. A
    /// role that is not there, or does not trust the service, is an error whose code is `AccessDenied` or `NoSuchEntity`:
    /// who calls decides what that means (Lambda gives a function credentials of the account then, as long as nothing is
    /// enforced).
    fn assume<'a>(
        &'a self,
        ctx: &'a Context,
        role_arn: &'a str,
        session_name: &'a str,
        service: &'a str,
        lasting: Duration,
    ) -> BoxFuture<'a, Result<RoleSession, ApiError>>;
}

/// What is known of a role.
#[derive(Clone, Debug)]
pub struct RoleFacts {
    /// Its ARN.
    pub arn: String,
    /// `AROA…`
    pub id: String,
    /// Its trust policy, a JSON document.
    pub trust: String,
    /// Longest session.
    pub max_session: Duration,
}

/// Knows roles.
pub trait Roles: Send + Sync {
    /// The role of this ARN, in whatever account; `None`: there is none.
    fn role<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Result<Option<RoleFacts>, ApiError>>;
}
