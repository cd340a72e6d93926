//! The row of a message move task.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::json;

/// Where a task stands. Written as the API tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Moving.
    #[default]
    Running,
    /// Everything was moved.
    Completed,
    /// To be stopped.
    Cancelling,
    /// Stopped.
    Cancelled,
    /// Could not go on.
    Failed,
}

impl Status {
    /// As the API tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
    /// Whether the task still has something to do.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling)
    }
}

/// A message move task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// A UUID.
    pub id: String,
    /// The dead-letter queue.
    pub source: String,
    /// Where to; absent: where each message came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Messages per second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<i32>,
    /// Milliseconds since the epoch.
    pub started: u64,
    /// Messages in the source at the start.
    pub to_move: u64,
    /// Messages moved.
    pub moved: u64,
    /// Where it stands.
    pub status: Status,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Task {
    /// The row.
    pub fn encode(&self) -> Bytes {
        json::encode(self)
    }
    /// Reads the row; `None` is damage.
    pub fn decode(row: &[u8]) -> Option<Self> {
        json::decode(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_bytes_stay_readable() {
        let row = b"\x01{\"id\":\"i\",\"source\":\"s\",\"started\":1,\"to_move\":2,\"moved\":1,\"status\":\"RUNNING\"}";
        let task = Task::decode(row).unwrap();
        assert_eq!((task.moved, task.status), (1, Status::Running));
        assert_eq!(&task.encode()[..], row);
    }
}
