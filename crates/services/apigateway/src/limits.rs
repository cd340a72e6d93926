//! Every limit as a number.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>

use std::time::Duration;

/// APIs of an account in a region.
pub const APIS: usize = 600;
/// Routes of an API.
pub const ROUTES: usize = 300;
/// Integrations of an API.
pub const INTEGRATIONS: usize = 300;
/// Authorizers of an API.
pub const AUTHORIZERS: usize = 10;
/// Models of an API (AWS has no number for these; a deployment must fit into one commit).
pub const MODELS: usize = 200;
/// Route responses and integration responses of an API, each (as for models).
pub const RESPONSES: usize = 300;
/// Stages of an API.
pub const STAGES: usize = 10;
/// Deployments of an API that are kept.
pub const DEPLOYMENTS: usize = 100;
/// Custom domain names of an account in a region.
pub const DOMAINS: usize = 120;
/// Mappings of a domain name.
pub const MAPPINGS: usize = 200;
/// VPC links of an account in a region.
pub const VPC_LINKS: usize = 10;
/// Tags of a resource.
pub const TAGS: usize = 50;
/// Elements of one page of a list.
pub const PAGE: usize = 500;

/// A request's body, bytes.
pub const PAYLOAD: usize = 10 << 20;
/// What a function takes, bytes: a longer event is refused as too large.
pub const FUNCTION_PAYLOAD: usize = 6 << 20;
/// An `OpenAPI` document, bytes.
pub const DOCUMENT: usize = 6 << 20;
/// Longest an integration may take, unless it is set shorter.
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest timeout of an integration, milliseconds.
pub const TIMEOUT_LEAST: i32 = 50;
/// Longest timeout of an integration of a WebSocket API, milliseconds.
pub const WEBSOCKET_TIMEOUT: i32 = 29_000;
/// How long a Lambda authorizer may take.
pub const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);
/// Results of authorizers that a stage remembers.
pub const AUTHORIZER_RESULTS: usize = 10_000;
/// How long an issuer's keys are used before they are fetched again.
pub const KEYS_FRESH: Duration = Duration::from_hours(2);
/// How soon an issuer is asked again that did not answer, or whose keys do not hold a token's.
pub const KEYS_RETRY: Duration = Duration::from_secs(10);
/// How long an issuer may take.
pub const ISSUER_TIMEOUT: Duration = Duration::from_millis(1_500);
/// An issuer's document, bytes.
pub const ISSUER_DOCUMENT: usize = 256 << 10;
/// Issuers whose keys are remembered.
pub const ISSUERS: usize = 200;
/// Idle connections that are kept to one host of a proxy integration.
pub const IDLE_CONNECTIONS: usize = 32;
/// An access log entry, bytes.
pub const LOG_ENTRY: usize = 1 << 20;

/// Connections to WebSocket APIs, in all. AWS limits new ones a second instead; here memory must be bounded.
pub const CONNECTIONS: usize = 5_000;
/// A message of a WebSocket, bytes.
pub const MESSAGE: usize = 128 << 10;
/// A frame of a WebSocket, bytes.
pub const FRAME: usize = 32 << 10;
/// How long a WebSocket may say nothing.
pub const IDLE: Duration = Duration::from_mins(10);
/// How long a message may take to be written to a WebSocket before its caller is given up.
pub const STALLED: Duration = Duration::from_secs(30);
/// How long a WebSocket lasts.
pub const LIFETIME: Duration = Duration::from_hours(2);
/// Messages of one WebSocket that are worked on at once; the next is read when one is done.
pub const AT_ONCE: usize = 16;
/// Messages that wait to be written to one WebSocket.
pub const WAITING: usize = 64;
