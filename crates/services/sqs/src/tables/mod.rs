//! Everything on disk: keys, and rows with a version in front.

pub(crate) mod codec;
pub mod hidden;
mod json;
pub(crate) mod keys;
pub mod message;
pub mod queue;
pub mod task;

pub use hidden::Hidden;
pub use message::{Attribute, AttributeValue, History, Message};
pub use queue::QueueRow;
pub use task::{Status, Task};
