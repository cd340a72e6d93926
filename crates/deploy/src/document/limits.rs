//! How much a document may be. AWS's own limits of templates (51,200 and 1,000,000 bytes) are its service's to hold.

/// Bytes of text. Four times what `CloudFormation` takes, since a `serverless.yml` is not sent as it is.
pub const TEXT: usize = 4 * 1024 * 1024;

/// Sequences and mappings within each other. Deeper ones no template has; recursion over a document is bounded by it.
pub const DEPTH: usize = 100;

/// Nodes, with everything counted as often as aliases repeat it ("billion laughs").
pub const NODES: usize = 500_000;
