//! Deliveries to queues, through the port that the queue service implements.

use std::sync::Arc;

use moln_kernel::{
    AccountId, ApiError, Arn, Context, Endpoint, Principal, RecursiveLoop, Region, SharedClock,
    clock::BoxFuture,
    ports::{QueueAttributeValue, QueueMessage, QueueMessageAttribute, SendToQueue},
};

use super::{Attribute, Delivery, Failure, Target};

/// Sends deliveries to queues: the payload is the body, the attributes are message attributes.
pub struct QueueTarget {
    queues: Arc<dyn SendToQueue>,
    clock: SharedClock,
    endpoint: Arc<Endpoint>,
}

impl QueueTarget {
    /// The kind queues are registered under.
    pub const KIND: &'static str = "sqs";

    /// Sends by this port; `endpoint` is what queue URLs would be made of.
    pub fn new(queues: Arc<dyn SendToQueue>, clock: SharedClock, endpoint: Arc<Endpoint>) -> Self {
        Self { queues, clock, endpoint }
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), Failure> {
        let address = &delivery.target.arn;
        let arn: Arn = address
            .parse()
            .map_err(|bad: moln_kernel::arn::BadArn| Failure::permanent("BadArn", bad.to_string()))?;
        let (Some(account), Some(region)) = (AccountId::parse(arn.account()), Region::parse(arn.region()))
        else {
            return Err(Failure::permanent("BadArn", "the queue's ARN lacks an account or a region"));
        };
        let principal = match &delivery.source {
            Some(source) => Principal::Arn(Arc::clone(source)),
            None => Principal::Account(account.clone()),
        };
        let mut ctx =
            Context::internal(account, region, principal, Arc::clone(&self.endpoint), self.clock.now());
        ctx.lineage = delivery.lineage.clone();
        ctx.trace.clone_from(&delivery.trace);
        self.queues.send(&ctx, address, message(delivery)?).await.map_err(|error| failure(&error))?;
        Ok(())
    }
}

fn message(delivery: &Delivery) -> Result<QueueMessage, Failure> {
    let attributes =
        delivery.attributes.iter().map(|(name, attribute)| Ok((name.clone(), value(attribute)?)));
    let fifo = delivery.target.arn.ends_with(".fifo");
    // A repetition of the same delivery is recognised by the queue where it can be.
    let own_id = || fifo.then(|| format!("{:032x}", u128::from_be_bytes(delivery.id)));
    let own_group = || fifo.then(|| "default".to_owned());
    Ok(QueueMessage {
        body: text(&delivery.payload)?,
        attributes: attributes.collect::<Result<_, Failure>>()?,
        group_id: delivery.group_id.clone().or_else(own_group),
        deduplication_id: delivery.deduplication_id.clone().or_else(own_id),
    })
}

fn value(attribute: &Attribute) -> Result<QueueMessageAttribute, Failure> {
    let value = if attribute.data_type.starts_with("Binary") {
        QueueAttributeValue::Binary(attribute.value.clone())
    } else {
        QueueAttributeValue::Text(text(&attribute.value)?)
    };
    Ok(QueueMessageAttribute { data_type: attribute.data_type.clone(), value })
}

fn text(bytes: &[u8]) -> Result<String, Failure> {
    let text =
        str::from_utf8(bytes).map_err(|_| Failure::permanent("InvalidMessageContents", "not UTF-8"))?;
    Ok(text.to_owned())
}

/// Our own errors and throttling pass; what is wrong with the call (no such queue, no permission, a bad body) stays wrong.
fn failure(error: &ApiError) -> Failure {
    let throttled = error.status == 429 || error.code.contains("Throttl") || &*error.code == "OverLimit";
    let code = error.code.clone();
    if error.status >= 500 || throttled {
        Failure::passing(code, error.message.clone())
    } else {
        Failure::permanent(code, error.message.clone())
    }
}

impl Target for QueueTarget {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.send(delivery))
    }

    fn recursive_loop(&self, _: &str) -> RecursiveLoop {
        // A queue does nothing by itself: whoever reads it judges the loop, by what was wished of it.
        RecursiveLoop::Allow
    }

    fn concurrency(&self) -> usize {
        // Sends wait for the disk together: many at once cost little more than one.
        64
    }
}
