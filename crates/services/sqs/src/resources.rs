//! The `CloudFormation` types of SQS: `AWS::SQS::Queue`, `AWS::SQS::QueuePolicy`, `AWS::SQS::QueueInlinePolicy`.

mod policy;
mod queue;

use std::sync::Arc;

use moln_kernel::resources::ResourceHandler;

pub use policy::{InlinePolicyHandler, PolicyHandler};
pub use queue::QueueHandler;

use crate::Queues;

/// The code of a queue that is not there.
const GONE: &str = "QueueDoesNotExist";

/// A handler for each type.
pub fn handlers(queues: &Arc<Queues>) -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(QueueHandler(Arc::clone(queues))),
        Box::new(PolicyHandler(Arc::clone(queues))),
        Box::new(InlinePolicyHandler(Arc::clone(queues))),
    ]
}
