//! Who calls, where, and on whose behalf: travels with every request and every delivery.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Arn, Lineage, Timestamp, arn::BadArn, ids::Uuid, intern::intern};

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

impl AccountId {
    /// The id when it is twelve digits. Shared between the contexts of a thread.
    pub fn parse(text: &str) -> Option<Self> {
        is_account_id(text.as_bytes()).then(|| Self(intern(text)))
    }
    /// Whether it is twelve digits.
    pub fn is_valid(&self) -> bool {
        is_account_id(self.0.as_bytes())
    }
}

/// Whether the text is twelve ASCII digits.
pub(crate) fn is_account_id(text: &[u8]) -> bool {
    text.len() == 12 && text.iter().all(u8::is_ascii_digit)
}

impl Region {
    /// The region when it has the form of one (lower-case words and digits with hyphens between, at most 32 bytes).
    /// Shared between the contexts of a thread.
    pub fn parse(text: &str) -> Option<Self> {
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (text.len() <= 32 && text.split('-').all(word)).then(|| Self(intern(text)))
    }
}

impl RequestId {
    /// A new one: a random UUID, unique and not secret. One allocation.
    pub fn random() -> Self {
        Self(Uuid::random().into())
    }
}

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

/// A caller whose key is known and whose signature was verified: what a principal's ARN does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The key that signed.
    pub access_key_id: Arc<str>,
    /// The principal's unique id: the account of a root, `AIDA…` of a user, `AROA…:session-name` of a role's session.
    pub user_id: Arc<str>,
    /// Temporary credentials: what they were given along.
    pub session: Option<Session>,
}

/// What temporary credentials carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The role they are of; `None`: a user's own or federated ones.
    pub role_arn: Option<Arc<str>>,
    /// Session tags, inherited ones among them.
    pub tags: BTreeMap<String, String>,
    /// The keys of the tags that a chained session inherits.
    pub transitive: Vec<String>,
    /// The source identity, which a chained session keeps.
    pub source_identity: Option<String>,
    /// The session's own policy, a JSON document: it may do what its role and this both allow.
    pub policy: Option<Arc<str>>,
    /// Managed policies that limit the session the same way.
    pub policy_arns: Vec<String>,
}

/// Where the client believes it talks to: the base of URLs in answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// `Host` as the client sent it, with its port (`127.0.0.1:4566`).
    pub authority: Arc<str>,
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
    /// What is known of the caller besides; `None` when nothing was verified, or nobody called from outside.
    pub caller: Option<Arc<Caller>>,
    /// This request's id.
    pub request_id: RequestId,
    /// `X-Amzn-Trace-Id` as received.
    pub trace: Option<Arc<str>>,
    /// What caused this call.
    pub lineage: Lineage,
    /// The client's view of our address.
    pub endpoint: Arc<Endpoint>,
    /// The client's address; `None` for work that no request waits for.
    pub source: Option<IpAddr>,
    /// The moment the request was accepted.
    pub now: Timestamp,
}

impl Context {
    /// A context for work that no request waits for: deliveries, timers. `principal` is on whose behalf.
    pub fn internal(
        account: AccountId,
        region: Region,
        principal: Principal,
        endpoint: Arc<Endpoint>,
        now: Timestamp,
    ) -> Self {
        Self {
            account,
            region,
            principal,
            caller: None,
            request_id: RequestId::random(),
            trace: None,
            lineage: Lineage::default(),
            endpoint,
            source: None,
            now,
        }
    }

    /// The name of a resource of this account that lies in no region (IAM's, STS's), in the partition of the request's
    /// region.
    pub fn global_arn(&self, service: &str, resource: &str) -> String {
        let partition = crate::arn::partition(self.region.as_str());
        format!("arn:{partition}:{service}::{}:{resource}", self.account)
    }

    /// The name of a resource in this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> Result<Arn, BadArn> {
        Arn::new(service, self.region.as_str(), self.account.as_str(), resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_regions_are_checked() {
        assert_eq!(AccountId::parse("123456789012").unwrap().as_str(), "123456789012");
        for bad in ["", "test", "12345678901", "1234567890123", "12345678901\u{b2}"] {
            assert!(AccountId::parse(bad).is_none(), "{bad}");
        }
        for good in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "local"] {
            assert!(Region::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-", "us-", "US-EAST-1", "us/east", "../..", &"a".repeat(33)] {
            assert!(Region::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn request_ids_differ() {
        let (a, b) = (RequestId::random(), RequestId::random());
        assert_eq!(a.as_str().len(), 36);
        assert_ne!(a, b);
    }
}
