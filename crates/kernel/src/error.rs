//! One error type for every operation; each protocol writes it in its own form.

use std::borrow::Cow;

/// Whose fault an error is (the query protocol's `Sender` / `Receiver`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: 4xx.
    Sender,
    /// Ours: 5xx.
    Receiver,
}

/// An error as AWS answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The modelled shape name or common error code, such as `QueueDoesNotExist`.
    pub code: Cow<'static, str>,
    /// The code of the old query protocol where it differs, such as `AWS.SimpleQueueService.NonExistentQueue`.
    pub query_code: Option<Cow<'static, str>>,
    /// AWS's words.
    pub message: String,
    /// The old query protocol's words where they differ.
    pub query_message: Option<Cow<'static, str>>,
    /// HTTP status.
    pub status: u16,
    /// Whose fault.
    pub fault: Fault,
    /// Further members of the error's shape (`Type`, `Reason`, `retryAfterSeconds` …).
    pub members: Vec<(&'static str, String)>,
}

impl ApiError {
    /// A 400 of the caller's making.
    pub fn sender(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            query_code: None,
            message: message.into(),
            query_message: None,
            status: 400,
            fault: Fault::Sender,
            members: Vec::new(),
        }
    }
    /// A 500 of ours. `message` must tell nothing about the inside.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: 500, fault: Fault::Receiver, ..Self::sender("InternalFailure", message) }
    }
    /// 501: the operation is modelled and not built.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        Self {
            status: 501,
            fault: Fault::Receiver,
            ..Self::sender("NotImplemented", format!("Moln does not implement {service} {operation} yet."))
        }
    }
    /// The same error with another HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
    /// The same error with the query protocol's own words.
    pub fn with_query_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.query_message = Some(message.into());
        self
    }
    /// The same error with the query protocol's own code.
    pub fn with_query_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.query_code = Some(code.into());
        self
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
impl std::error::Error for ApiError {}
