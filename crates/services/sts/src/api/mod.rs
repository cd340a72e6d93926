//! The operations. This file is the trait's implementation and nothing else: each line hands on to its group.

pub(crate) mod assume;
mod identity;
mod own;

use moln_kernel::{ApiError, Context};
use moln_wire::{Hooks, Operation, ValidationFailure, validate::validation_exception};

use crate::{
    Sessions, errors,
    model::{
        AssumeRoleRequest, AssumeRoleResponse, GetAccessKeyInfoRequest, GetAccessKeyInfoResponse,
        GetCallerIdentityRequest, GetCallerIdentityResponse, GetFederationTokenRequest,
        GetFederationTokenResponse, GetSessionTokenRequest, GetSessionTokenResponse, Sts,
    },
};

impl Hooks for Sessions {
    fn translate(&self, _: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        Some(errors::validation(validation_exception(failures).message))
    }
}

impl Sts for Sessions {
    async fn assume_role(
        &self,
        ctx: &Context,
        input: AssumeRoleRequest,
    ) -> Result<AssumeRoleResponse, ApiError> {
        self.assume_asked(ctx, input).await
    }
    async fn get_access_key_info(
        &self,
        ctx: &Context,
        input: GetAccessKeyInfoRequest,
    ) -> Result<GetAccessKeyInfoResponse, ApiError> {
        identity::of_key(ctx, &input)
    }
    async fn get_caller_identity(
        &self,
        ctx: &Context,
        _: GetCallerIdentityRequest,
    ) -> Result<GetCallerIdentityResponse, ApiError> {
        identity::of_caller(ctx)
    }
    async fn get_federation_token(
        &self,
        ctx: &Context,
        input: GetFederationTokenRequest,
    ) -> Result<GetFederationTokenResponse, ApiError> {
        self.federate(ctx, input).await
    }
    async fn get_session_token(
        &self,
        ctx: &Context,
        input: GetSessionTokenRequest,
    ) -> Result<GetSessionTokenResponse, ApiError> {
        self.own_session(ctx, input).await
    }
}
