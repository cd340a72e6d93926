//! Where services meet. A port is a trait declared here, implemented by one service, used by others, wired in the
//! binary. A service never names another service.

mod events;
mod functions;
mod identities;
mod logs;
mod metrics;
mod objects;
mod queues;
mod values;

pub use events::{BusEvent, PublishToTopic, PutEvent};
pub use functions::{FunctionAnswer, InvocationType, InvokeFunction};
pub use identities::{AssumeRole, Credential, Credentials, RoleFacts, RoleSession, Roles};
pub use logs::{LogLine, LogTarget, WriteLogs};
pub use metrics::{MetricPoint, NoMetrics, RecordMetric};
pub use objects::{ObjectContent, ObjectReading, Objects};
pub use queues::{
    QueueAttributeValue, QueueFacts, QueueMessage, QueueMessageAttribute, ReceiveFromQueue, ReceivedMessage,
    SendToQueue,
};
pub use values::{Secrets, StoredParameter, StoredParameters};
