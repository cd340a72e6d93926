//! Events from other services: deliveries of the outbox become asynchronous invokes.

use std::sync::Arc;

use moln_fabric::{Delivery, RecursiveLoop, Target, outbox::Failure};
use moln_kernel::{AccountId, ApiError, Context, Principal, Region, SharedClock, clock::BoxFuture};

use super::Asynchronous;
use crate::{
    limits::ASYNC_PAYLOAD_BYTES,
    names,
    running::{Callee, RunFunction},
};

/// The function an ARN names.
pub(super) fn callee(arn: &str) -> Option<Callee> {
    let parts = names::split(arn);
    Some(Callee {
        account: parts.account.and_then(AccountId::parse)?,
        region: parts.region.and_then(Region::parse)?,
        name: Some(parts.name).filter(|name| !name.is_empty())?.into(),
        qualifier: parts.qualifier.map(Into::into),
    })
}

/// Delivers to functions: the payload is the event. To be registered with the outbox under [`FunctionTarget::KIND`].
pub(crate) struct FunctionTarget {
    events: Arc<Asynchronous>,
    functions: Arc<dyn RunFunction>,
    clock: SharedClock,
}

impl FunctionTarget {
    /// The kind functions are registered under.
    pub(crate) const KIND: &'static str = "lambda";

    pub(crate) fn new(
        events: Arc<Asynchronous>,
        functions: Arc<dyn RunFunction>,
        clock: SharedClock,
    ) -> Self {
        Self { events, functions, clock }
    }

    async fn take(&self, delivery: &Delivery) -> Result<(), Failure> {
        let callee = callee(&delivery.target.arn)
            .ok_or_else(|| Failure::permanent("InvalidArn", "No function has this ARN."))?;
        if delivery.payload.len() > ASYNC_PAYLOAD_BYTES {
            return Err(Failure::permanent("RequestTooLargeException", "The event is too long."));
        }
        self.functions.profile(&callee).map_err(|error| failure(&error))?;
        let principal = match &delivery.source {
            Some(source) => Principal::Arn(Arc::clone(source)),
            None => Principal::Account(callee.account.clone()),
        };
        let (account, region) = (callee.account.clone(), callee.region.clone());
        let mut ctx =
            Context::internal(account, region, principal, self.functions.endpoint(), self.clock.now());
        ctx.trace.clone_from(&delivery.trace);
        ctx.lineage = delivery.lineage.clone();
        // The outbox counted the hop to the function; the function is counted when it runs.
        if ctx.lineage.hops.last().is_some_and(|last| *last == delivery.target.arn) {
            ctx.lineage.hops.pop();
        }
        let payload = delivery.payload.clone();
        self.events.enqueue(&ctx, &callee, payload, None).await.map_err(|error| failure(&error))
    }
}

fn failure(error: &ApiError) -> Failure {
    let (code, message) = (error.code.clone(), error.message.clone());
    if error.status >= 500 || error.status == 429 {
        Failure::passing(code, message)
    } else {
        Failure::permanent(code, message)
    }
}

impl Target for FunctionTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.take(delivery))
    }

    fn recursive_loop(&self, _: &str) -> RecursiveLoop {
        // Judged when the function runs, by what was set for it: then the event reaches its destinations.
        RecursiveLoop::Allow
    }

    fn concurrency(&self) -> usize {
        // They are only written down here, and waits for the disk are shared.
        64
    }
}
