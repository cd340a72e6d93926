//! The limits of templates: CloudFormation's quotas, <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>.

/// Resources of a template.
pub const RESOURCES: usize = 500;
/// Parameters of a template.
pub const PARAMETERS: usize = 200;
/// Outputs of a template.
pub const OUTPUTS: usize = 200;
/// Mappings of a template.
pub const MAPPINGS: usize = 200;
/// Characters of a template's description.
pub const DESCRIPTION: usize = 1024;
/// Bytes of a parameter's value.
pub const PARAMETER_VALUE: usize = 4096;
/// Subnets that one `Fn::Cidr` gives.
pub const CIDRS: u32 = 256;
/// Operands of `Fn::And` and `Fn::Or`.
pub const OPERANDS: usize = 10;
/// Bytes of what one value of a template may come to when it is evaluated. Ours: functions can multiply what they are given.
pub const VALUE: usize = 4 * 1024 * 1024;
