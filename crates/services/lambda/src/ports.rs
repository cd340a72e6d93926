//! What others ask of functions.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use moln_functions::Invocation;
use moln_kernel::{
    ApiError, Context, Endpoint, Lineage, Principal,
    clock::BoxFuture,
    ports::{FunctionAnswer, InvocationType, InvokeFunction},
};

use crate::{
    Lambda,
    api::access::lets_service,
    core::usable,
    running::{Answer, Call, Callee, Profile, RunFunction},
};

impl InvokeFunction for Lambda {
    fn invoke<'a>(
        &'a self,
        ctx: &'a Context,
        function_arn: &'a str,
        payload: Bytes,
        kind: InvocationType,
    ) -> BoxFuture<'a, Result<FunctionAnswer, ApiError>> {
        Box::pin(async move {
            let target = self.resolve(&ctx.account, &ctx.region, function_arn, None)?;
            let version = target.version_name();
            if kind == InvocationType::Event {
                usable(&target)?;
                let address = &target.function.address;
                let callee = Callee {
                    account: address.account.clone(),
                    region: address.region.clone(),
                    name: Arc::clone(&address.name),
                    qualifier: target.qualifier.as_deref().map(Into::into),
                };
                self.events.enqueue(ctx, &callee, payload, None).await?;
                return Ok(FunctionAnswer { payload: Bytes::new(), error: None, version });
            }
            let invocation = Invocation {
                request_id: ctx.request_id.clone(),
                payload,
                client_context: None,
                cognito_identity: None,
                function_arn: target.invoked_arn.clone(),
                trace: ctx.trace.clone(),
                lineage: Lineage::default(),
                tail: false,
            };
            let finished = self.run(ctx, &target, invocation).await?;
            let error = finished.error.map(|error| error.header().to_owned());
            Ok(FunctionAnswer { payload: finished.payload, error, version })
        })
    }

    fn may_invoke<'a>(
        &'a self,
        ctx: &'a Context,
        function_arn: &'a str,
        principal: &'a str,
        source: &'a str,
    ) -> BoxFuture<'a, Result<bool, ApiError>> {
        Box::pin(async move {
            let target = self.resolve(&ctx.account, &ctx.region, function_arn, None)?;
            Ok(lets_service(&target, principal, source, "lambda:InvokeFunction"))
        })
    }
}

/// How often a failed event is tried again unless it is set.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const RETRIES: u32 = 2;
/// How old an event may get unless it is set.
const MAX_AGE: Duration = Duration::from_hours(6);

impl RunFunction for Lambda {
    fn profile(&self, callee: &Callee) -> Result<Profile, ApiError> {
        let target =
            self.resolve(&callee.account, &callee.region, &callee.name, callee.qualifier.as_deref())?;
        let config = target.invoke_config();
        Ok(Profile {
            timeout: Duration::from_secs(target.version.row.timeout.into()),
            recursion: target.recursion(),
            off: target.facts.function.reserved == Some(0),
            dead_letter: target.dead_letter().map(str::to_owned),
            retries: config.and_then(|config| config.retries).unwrap_or(RETRIES),
            max_age: config
                .and_then(|config| config.max_age_s)
                .map_or(MAX_AGE, |seconds| Duration::from_secs(seconds.into())),
            on_success: config.and_then(|config| config.on_success.clone()),
            on_failure: config.and_then(|config| config.on_failure.clone()),
        })
    }

    fn run(&self, call: Call) -> BoxFuture<'_, Result<Answer, ApiError>> {
        Box::pin(async move {
            let Call { callee, request_id, payload, client_context, trace, lineage } = call;
            let qualifier = callee.qualifier.as_deref();
            let target = self.resolve(&callee.account, &callee.region, &callee.name, qualifier)?;
            let principal = Principal::Account(callee.account.clone());
            let (account, region) = (callee.account.clone(), callee.region.clone());
            let mut ctx = Context::internal(account, region, principal, self.endpoint(), self.clock.now());
            ctx.request_id = request_id.clone();
            ctx.trace.clone_from(&trace);
            ctx.lineage = lineage;
            let invocation = Invocation {
                request_id,
                payload,
                client_context,
                cognito_identity: None,
                function_arn: target.invoked_arn.clone(),
                trace,
                lineage: Lineage::default(),
                tail: false,
            };
            let finished = Lambda::run(self, &ctx, &target, invocation).await?;
            Ok(Answer {
                payload: finished.payload,
                error: finished.error.map(moln_functions::FunctionError::header),
                version: target.version_name(),
            })
        })
    }

    fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.ports.endpoint)
    }
}
