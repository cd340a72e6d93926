//! What the front door knows of a service: its model, and one call.

use std::{future::Future, pin::Pin, sync::Arc};

use moln_kernel::{ApiError, Context};

use crate::{Opaque, Schema, ShapeReader};

/// A wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `application/x-amz-json-1.0`
    Json10,
    /// `application/x-amz-json-1.1`
    Json11,
    /// Form-encoded in, XML out.
    Query,
    /// REST with JSON bodies.
    RestJson,
    /// REST with XML bodies.
    RestXml,
    /// `smithy-protocol: rpc-v2-cbor`
    RpcV2Cbor,
}

/// A service, as modelled. Generated.
#[derive(Debug)]
pub struct ServiceModel {
    /// Name in credential scopes (`sqs`).
    pub signing_name: &'static str,
    /// First label of its hosts (`sqs`).
    pub endpoint_prefix: &'static str,
    /// `SQS`, `DynamoDB Streams` …
    pub service_id: &'static str,
    /// `2012-11-05`
    pub api_version: &'static str,
    /// Before the dot of `X-Amz-Target`.
    pub target_prefix: Option<&'static str>,
    /// The XML namespace of answers.
    pub xml_namespace: Option<&'static str>,
    /// Protocols it understands; the first is the native one.
    pub protocols: &'static [Protocol],
    /// Errors carry `x-amzn-query-error` in the JSON protocol (SQS).
    pub query_compatible: bool,
    /// Every operation of the model, by name.
    pub operations: &'static [Operation],
}

/// An operation, as modelled. Generated.
#[derive(Debug)]
pub struct Operation {
    /// `SendMessage`
    pub name: &'static str,
    /// HTTP method of the REST protocols.
    pub method: &'static str,
    /// URI pattern of the REST protocols (`/2015-03-31/functions/{FunctionName}`).
    pub uri: &'static str,
    /// Status of a success.
    pub status: u16,
    /// Input shape.
    pub input: fn() -> &'static Schema,
    /// Output shape.
    pub output: fn() -> &'static Schema,
    /// Whether this build of Moln implements it (the service overrides the trait's default).
    pub implemented: bool,
}

/// What a call comes to.
pub type Answer = Pin<Box<dyn Future<Output = Result<Opaque, ApiError>> + Send>>;

/// A service behind the front door. Generated code implements it for every implementor of the service's own trait.
pub trait Service: Send + Sync + 'static {
    /// Its model.
    fn model(&self) -> &'static ServiceModel;
    /// Reads and validates the input at once (errors in AWS's words), then returns the work to be awaited.
    /// `operation` is an index into [`ServiceModel::operations`].
    fn call(
        self: Arc<Self>,
        ctx: Context,
        operation: usize,
        input: &mut dyn ShapeReader,
    ) -> Result<Answer, ApiError>;
}
