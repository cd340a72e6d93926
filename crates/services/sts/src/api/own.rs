//! Sessions of users for themselves: `GetSessionToken`, `GetFederationToken`.

use std::time::Duration;

use moln_kernel::{ApiError, Context, Principal, Session};

use super::identity;
use crate::{
    Sessions, errors,
    limits::{ROOT_SESSION, USER_SESSION},
    model::{
        FederatedUser, GetFederationTokenRequest, GetFederationTokenResponse, GetSessionTokenRequest,
        GetSessionTokenResponse,
    },
    policies,
    session::Wanted,
    tags,
};

/// Temporary credentials beget no others but a role's.
fn refuse_sessions(ctx: &Context, operation: &str) -> Result<(), ApiError> {
    match ctx.caller.as_ref().and_then(|caller| caller.session.as_ref()) {
        Some(_) => Err(errors::access_denied(format!("Cannot call {operation} with session credentials"))),
        None => Ok(()),
    }
}

/// Root keys get an hour, also when they ask for more.
fn lasting(ctx: &Context, asked: Option<i32>) -> Duration {
    let asked = asked.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    match ctx.principal {
        Principal::Arn(_) => asked.unwrap_or(USER_SESSION),
        // Nobody verified a development key: it is what the user of a laptop signs with, and gets a user's time.
        _ if ctx.caller.is_none() => asked.unwrap_or(USER_SESSION),
        _ => asked.unwrap_or(ROOT_SESSION).min(ROOT_SESSION),
    }
}

pub(super) fn chars(asked: Option<i32>) -> usize {
    asked.and_then(|chars| usize::try_from(chars).ok()).unwrap_or(0)
}

impl Sessions {
    pub(super) async fn own_session(
        &self,
        ctx: &Context,
        input: GetSessionTokenRequest,
    ) -> Result<GetSessionTokenResponse, ApiError> {
        refuse_sessions(ctx, "GetSessionToken")?;
        second_factor(input.serial_number.as_deref(), input.token_code.as_deref())?;
        let (_, user_id) = identity::names(ctx)?;
        let principal = match &ctx.principal {
            Principal::Arn(arn) => Some(arn.to_string()),
            _ => None,
        };
        let wanted = Wanted {
            account: ctx.account.to_string(),
            principal,
            user_id,
            lasting: lasting(ctx, input.duration_seconds),
            carries: Session::default(),
            token_chars: chars(input.minimum_session_token_size),
        };
        let credentials = Some(self.begin(ctx, wanted).await?);
        Ok(GetSessionTokenResponse { credentials, ..GetSessionTokenResponse::default() })
    }

    pub(super) async fn federate(
        &self,
        ctx: &Context,
        input: GetFederationTokenRequest,
    ) -> Result<GetFederationTokenResponse, ApiError> {
        refuse_sessions(ctx, "GetFederationToken")?;
        identity::names(ctx)?;
        policies::check(input.policy.as_deref())?;
        let policy_arns = policies::arns(input.policy_arns)?;
        let tags = tags::compose(&input.tags.unwrap_or_default(), &[], None)?;
        let packed_policy_size = policies::packed(input.policy.as_deref(), &policy_arns, &tags)?;
        let user = FederatedUser {
            federated_user_id: format!("{}:{}", ctx.account, input.name),
            arn: ctx.global_arn("sts", &format!("federated-user/{}", input.name)),
        };
        let wanted = Wanted {
            account: ctx.account.to_string(),
            principal: Some(user.arn.clone()),
            user_id: user.federated_user_id.clone(),
            lasting: lasting(ctx, input.duration_seconds),
            carries: Session {
                tags: tags.tags,
                policy: input.policy.map(Into::into),
                policy_arns,
                ..Session::default()
            },
            token_chars: chars(input.minimum_session_token_size),
        };
        let credentials = Some(self.begin(ctx, wanted).await?);
        Ok(GetFederationTokenResponse {
            credentials,
            federated_user: Some(user),
            packed_policy_size,
            ..GetFederationTokenResponse::default()
        })
    }
}

/// Nobody has a second factor here, so none that is shown is right.
pub(super) fn second_factor(serial: Option<&str>, code: Option<&str>) -> Result<(), ApiError> {
    match (serial, code) {
        (None, None) => Ok(()),
        _ => Err(errors::access_denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is \
             valid and associated with this user.",
        )),
    }
}
