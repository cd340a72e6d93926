//! Limits. Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use std::time::Duration;

/// A role's session lasts this long unless asked otherwise.
pub const ROLE_SESSION: Duration = Duration::from_hours(1);
/// Shortest session of any kind.
pub const SHORTEST: Duration = Duration::from_mins(15);
/// Longest session of a role, whatever the role says.
pub const LONGEST_ROLE_SESSION: Duration = Duration::from_hours(12);
/// Longest session of a role that was taken on by a role's session.
pub const CHAINED_SESSION: Duration = Duration::from_hours(1);
/// `GetSessionToken`, `GetFederationToken`: unless asked otherwise.
pub const USER_SESSION: Duration = Duration::from_hours(12);
/// `GetSessionToken`, `GetFederationToken`: longest with a root key.
pub const ROOT_SESSION: Duration = Duration::from_hours(1);
/// Session policies and tags together, in the packed form whose size AWS does not tell: their characters are counted.
pub const PACKED_CHARS: usize = 2_048;
/// Managed policies a session may be limited by.
pub const POLICY_ARNS: usize = 10;
/// How long an ended session is known, so that its keys are refused as expired and not taken for a stranger's.
pub const REMEMBERED: Duration = Duration::from_hours(24);
/// Sessions an account may have at a time, ended ones that are still known included. Ours: it bounds the store.
pub const SESSIONS: u64 = 100_000;
/// Ended sessions removed in one commit.
pub const SWEEP: usize = 256;
/// Characters of a session token.
pub const TOKEN_CHARS: usize = 256;
