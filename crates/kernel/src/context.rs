//! Who calls, where, and on whose behalf: travels with every request and every delivery.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);
        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self { Self(text.into()) }
            /// The text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self::new(text) }
        }
    };
}

text_newtype!(
    /// A 12-digit AWS account id.
    AccountId
);
text_newtype!(
    /// A region's name, such as `us-east-1`.
    Region
);
text_newtype!(
    /// The id of one request (UUID form), given back in every answer.
    RequestId
);

/// Who signed the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No signature (allowed on loopback or where a policy lets everyone in).
    Anonymous,
    /// The account's root, or development credentials on loopback.
    Account(AccountId),
    /// An IAM user, role session or service, by ARN.
    Arn(Arc<str>),
}

/// Where the client believes it talks to: the base of URLs in answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `Host` as the client sent it, with its port (`127.0.0.1:4566`).
    pub authority: Arc<str>,
}

/// The chain of resources a causal chain of events has passed through, oldest first (ARNs).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// One entry a hop.
    pub hops: Vec<Arc<str>>,
}

/// Everything about a call that is not its input.
#[derive(Clone, Debug)]
pub struct Context {
    /// Whose state is addressed.
    pub account: AccountId,
    /// The region of that state.
    pub region: Region,
    /// Who calls.
    pub principal: Principal,
    /// This request's id.
    pub request_id: RequestId,
    /// `X-Amzn-Trace-Id` as received.
    pub trace: Option<Arc<str>>,
    /// What caused this call.
    pub lineage: Lineage,
    /// The client's view of our address.
    pub endpoint: Arc<Endpoint>,
    /// The moment the request was accepted.
    pub now: Timestamp,
}
