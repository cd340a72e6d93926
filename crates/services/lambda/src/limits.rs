//! Every limit as a number, with AWS's quota.
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>

/// Concurrent executions of an account in a region (AWS: 1,000, can be raised).
pub const CONCURRENCY: u32 = 1_000;
/// Concurrency that must stay unreserved.
pub const UNRESERVED_FLOOR: u32 = 100;
/// Code of all functions and layers of an account in a region, bytes (75 GB).
pub const CODE_STORAGE_BYTES: u64 = 80_530_636_800;
/// An archive in a request, bytes (50 MB), measured after base64.
pub const ZIP_BYTES: usize = 52_428_800;
/// The body of `CreateFunction` or `UpdateFunctionCode`, bytes.
pub const REQUEST_BYTES: usize = 70_167_211;
/// An unpacked archive with its layers, bytes (250 MB).
pub const UNZIPPED_BYTES: u64 = 262_144_000;
/// Payload of a synchronous invoke, bytes (6 MB).
pub const SYNC_PAYLOAD_BYTES: usize = 6_291_456;
/// Payload of an asynchronous invoke, bytes (1 MB).
pub const ASYNC_PAYLOAD_BYTES: usize = 1_048_576;
/// `ClientContext`, bytes of base64.
pub const CLIENT_CONTEXT_BYTES: usize = 3_583;
/// Environment variables, bytes of the JSON object (4 KB).
pub const ENVIRONMENT_BYTES: usize = 4_096;
/// A resource policy, bytes (20 KB).
pub const POLICY_BYTES: usize = 20_480;
/// The longest a function may take, seconds. The model's bound is that of other kinds of functions.
pub const TIMEOUT_SECONDS: u32 = 900;
/// Characters of a function's name.
pub const NAME: usize = 64;
/// Layers of a function.
pub const LAYERS: usize = 5;
/// Tags of a resource.
pub const TAGS: usize = 50;
/// Rows of one page where the caller does not say.
pub const PAGE: usize = 50;
/// How long a download link for code works, seconds (10 minutes).
pub const LOCATION_SECONDS: u64 = 600;
