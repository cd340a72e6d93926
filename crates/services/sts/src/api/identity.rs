//! `GetCallerIdentity`, `GetAccessKeyInfo`.

use moln_kernel::{ApiError, Context, Principal, ids};

use crate::{
    errors,
    model::{GetAccessKeyInfoRequest, GetAccessKeyInfoResponse, GetCallerIdentityResponse},
};

/// The caller's ARN and unique id.
pub(crate) fn names(ctx: &Context) -> Result<(String, String), ApiError> {
    let user_id = ctx.caller.as_ref().map_or(ctx.account.as_str(), |caller| &caller.user_id).to_owned();
    match &ctx.principal {
        Principal::Anonymous => Err(errors::unsigned()),
        Principal::Account(_) => Ok((ctx.global_arn("iam", "root"), user_id)),
        Principal::Arn(arn) => Ok((arn.to_string(), user_id)),
    }
}

pub(super) fn of_caller(ctx: &Context) -> Result<GetCallerIdentityResponse, ApiError> {
    let (arn, user_id) = names(ctx)?;
    Ok(GetCallerIdentityResponse {
        user_id: Some(user_id),
        account: Some(ctx.account.to_string()),
        arn: Some(arn),
    })
}

/// The account of a key. Ids name their account; those that do not (`test`) are the caller's own or nobody's.
pub(super) fn of_key(
    ctx: &Context,
    input: &GetAccessKeyInfoRequest,
) -> Result<GetAccessKeyInfoResponse, ApiError> {
    let id = &input.access_key_id;
    let own = || {
        let caller = ctx.caller.as_ref()?;
        (*caller.access_key_id == **id).then(|| ctx.account.clone())
    };
    let account = ids::account_of_access_key(id).or_else(own);
    let account = account.ok_or_else(|| errors::validation("Invalid or unrecognized access key id."))?;
    Ok(GetAccessKeyInfoResponse { account: Some(account.to_string()) })
}
