//! Limits. Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>; where a quota can be
//! raised, it is raised as far as AWS raises it.

use std::time::Duration;

/// Customer managed policies in an account.
pub const POLICIES: usize = 5_000;
/// Roles in an account.
pub const ROLES: usize = 5_000;
/// Users in an account.
pub const USERS: usize = 5_000;
/// Groups in an account.
pub const GROUPS: usize = 500;
/// Instance profiles in an account.
pub const INSTANCE_PROFILES: usize = 5_000;
/// Managed policies attached to a role or user.
pub const ATTACHED: usize = 25;
/// Managed policies attached to a group.
pub const ATTACHED_TO_GROUP: usize = 10;
/// Versions of a managed policy.
pub const VERSIONS: usize = 5;
/// Groups a user may be in.
pub const GROUPS_OF_USER: usize = 10;
/// Access keys of a user.
pub const ACCESS_KEYS: usize = 2;
/// Tags of anything.
pub const TAGS: usize = 50;
/// Characters of a managed policy's document; white space does not count.
pub const MANAGED_CHARS: usize = 6_144;
/// Characters of all inline policies of a role; white space does not count.
pub const ROLE_INLINE_CHARS: usize = 10_240;
/// Characters of all inline policies of a user; white space does not count.
pub const USER_INLINE_CHARS: usize = 2_048;
/// Characters of all inline policies of a group; white space does not count.
pub const GROUP_INLINE_CHARS: usize = 5_120;
/// Characters of a trust policy; white space does not count.
pub const TRUST_CHARS: usize = 8_192;
/// Longest session of a role that says nothing about it.
pub const MAX_SESSION: Duration = Duration::from_hours(1);
/// Elements of a page that is asked for without a number.
pub const PAGE: usize = 100;
