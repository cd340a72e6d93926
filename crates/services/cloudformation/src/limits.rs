//! Every limit as a number, with the quota it comes from.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>

use std::time::Duration;

/// Longest template in a request, bytes.
pub const TEMPLATE_BODY: usize = 51_200;
/// Longest template by URL, bytes.
pub const TEMPLATE_URL: usize = 1_000_000;
/// Stacks of an account in a region.
pub const STACKS: usize = 2_000;
/// Characters of a stack's name.
pub const STACK_NAME: usize = 128;
/// Resources of a stack.
pub const RESOURCES: usize = 500;
/// Outputs of a stack.
pub const OUTPUTS: usize = 200;
/// Change sets of a stack. (AWS names no number; what is kept must end somewhere.)
pub const CHANGE_SETS: usize = 1_000;
/// Tags of a stack.
pub const TAGS: usize = 50;
/// Longest stack policy, bytes.
pub const STACK_POLICY: usize = 16_384;
/// Depth of nested stacks; AWS names none, a stack that names itself must end somewhere.
pub const NESTING: usize = 16;
/// Events on a page, stacks on a page, resources on a page.
pub const PAGE: usize = 100;
/// Changes on a page of a change set, bytes of it apart.
pub const CHANGES: usize = 500;
/// Steps under way at once in one stack.
pub const STEPS: usize = 16;
/// How long deleted stacks are listed.
pub const DELETED_KEPT: Duration = Duration::from_hours(90 * 24);
/// Longest wait for a custom resource's answer.
pub const CUSTOM_TIMEOUT: Duration = Duration::from_hours(1);
/// Longest answer of a custom resource, bytes.
pub const CUSTOM_ANSWER: usize = 4_096;
/// Longest physical id, bytes.
pub const PHYSICAL_ID: usize = 1_024;
/// Longest body at a response URL, bytes: what is above [`CUSTOM_ANSWER`] is told to the stack.
pub const RESPONSE_BODY: usize = 64 << 10;
/// Bytes of one row; what is longer is cut into several.
pub const ROW: usize = 60_000;
