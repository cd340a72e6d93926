//! What the front door knows of a service: its model, and one call.

use std::{future::Future, pin::Pin, sync::Arc};

use moln_kernel::{ApiError, Context};

use http::{Response, request::Parts};

use crate::{
    ByteStream, Kind, Member, Opaque, Schema, ShapeReader, query::Params, schema, validate::ValidationFailure,
};

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
#[derive(Clone, Copy, Debug)]
pub struct ServiceModel {
    /// Name in credential scopes (`sqs`).
    pub signing_name: &'static str,
    /// First label of its hosts (`sqs`).
    pub endpoint_prefix: &'static str,
    /// `SQS`, `DynamoDB Streams` …
    pub service_id: &'static str,
    /// `2012-11-05`
    pub api_version: &'static str,
    /// Before the dot of `X-Amz-Target`, and the service name in RPC v2 paths.
    pub target_prefix: Option<&'static str>,
    /// The XML namespace of answers.
    pub xml_namespace: Option<&'static str>,
    /// Protocols it understands; the first is the native one.
    pub protocols: &'static [Protocol],
    /// Errors carry `x-amzn-query-error` in the JSON and CBOR protocols (SQS).
    pub query_compatible: bool,
    /// Before the `#` of `__type` in its modelled errors (`com.amazonaws.sqs`); empty: the bare name is sent.
    pub error_namespace: &'static str,
    /// S3's ways: errors are a bare `<Error>`, request ids have headers of their own, and a path is a bucket's name and
    /// a key that may hold anything.
    pub buckets: bool,
    /// Every operation of the model, sorted by name.
    pub operations: &'static [Operation],
    /// Every error shape of the model, sorted by name.
    pub errors: &'static [&'static Schema],
}

impl ServiceModel {
    /// No operations, no names: the base of `ServiceModel { …, ..ServiceModel::NONE }`.
    pub const NONE: Self = Self {
        signing_name: "",
        endpoint_prefix: "",
        service_id: "",
        api_version: "",
        target_prefix: None,
        xml_namespace: None,
        protocols: &[],
        query_compatible: false,
        error_namespace: "",
        buckets: false,
        operations: &[],
        errors: &[],
    };

    /// The error shape of this name or code.
    pub fn error(&self, code: &str) -> Option<&'static Schema> {
        let by_name = self.errors.binary_search_by(|shape| shape.name.cmp(code)).ok();
        by_name.and_then(|index| self.errors.get(index)).copied().or_else(|| {
            let has_code = |shape: &&&Schema| shape.traits.error.is_some_and(|e| e.code == Some(code));
            self.errors.iter().find(has_code).copied()
        })
    }
}

/// An operation, as modelled. Generated.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// `SendMessage`
    pub name: &'static str,
    /// HTTP method of the REST protocols.
    pub method: &'static str,
    /// URI pattern of the REST protocols (`/2015-03-31/functions/{FunctionName}`), with its fixed query if it has one.
    pub uri: &'static str,
    /// Status of a success.
    pub status: u16,
    /// Input shape; [`schema::UNIT`] when there is none.
    pub input: &'static Schema,
    /// Output shape; [`schema::UNIT`] when there is none.
    pub output: &'static Schema,
    /// Query: whether the answer has a `<…Result>` element.
    pub result_wrapper: bool,
    /// Whether this build of Moln implements it (the service overrides the trait's default).
    pub implemented: bool,
}

impl Operation {
    /// `POST /`, no input, no output: the base of `Operation { …, ..Operation::new("Name") }`.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            method: "POST",
            uri: "/",
            status: 200,
            input: &schema::UNIT,
            output: &schema::UNIT,
            result_wrapper: false,
            implemented: false,
        }
    }

    /// Whether its input takes the body of a REST request as a stream.
    pub fn streams_in(&self) -> bool {
        let payload = self.input.traits.payload.and_then(|index| self.input.members.get(index));
        payload.is_some_and(|member| {
            member.target().kind == Kind::Blob
                && (member.traits.streaming || member.target().traits.streaming)
        })
    }

    /// The member of its output that is a stream of events.
    pub fn events_out(&self) -> Option<&'static Member> {
        self.output.members.iter().find(|member| member.target().traits.event_stream)
    }
}

/// What a call comes to.
pub type Answer = Pin<Box<dyn Future<Output = Result<Opaque, ApiError>> + Send>>;

/// What a raw request comes to.
pub type RawAnswer<'a> = Pin<Box<dyn Future<Output = Response<ByteStream>> + Send + 'a>>;

/// A service behind the front door. Generated code implements it (`Api<T>`) for every implementor of the service's own
/// trait.
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
    /// Its ways of its own.
    fn hooks(&self) -> &dyn Hooks;
}

/// Where a service departs from the protocols' common ways. Every generated trait demands it; most services write
/// `impl moln_wire::Hooks for … {}` and are done.
pub trait Hooks: Send + Sync + 'static {
    /// How inputs that break the model's constraints are refused; `None` lets the input through (absent required
    /// members are then empty). Default: AWS's `ValidationException` that tells all failures at once.
    fn translate(&self, operation: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        let _ = operation;
        Some(crate::validate::validation_exception(failures))
    }

    /// Query protocol: completes the parameters from the request's head before they are read. SQS takes `QueueUrl`
    /// from the address a request was posted to.
    fn adopt(&self, operation: &'static Operation, head: &Parts, params: &mut Params<'_>) {
        let _ = (operation, head, params);
    }

    /// Judges a call before its input is read; what it cannot say without waiting it says in the operation itself.
    fn admit(&self, operation: &'static Operation, ctx: &Context, head: &Parts) -> Result<(), ApiError> {
        let _ = (operation, ctx, head);
        Ok(())
    }

    /// Whether work on an operation ends with its caller. What was begun is ended otherwise: a caller that goes away
    /// while a change is written must not leave what the service remembers behind what is on disk.
    fn ends_with_caller(&self, operation: &'static Operation) -> bool {
        let _ = operation;
        false
    }

    /// Looks at every answer, success or error, before it leaves; `operation`: none for [`Hooks::raw`]. S3 adds CORS
    /// headers here.
    fn finish(
        &self,
        operation: Option<&'static Operation>,
        ctx: &Context,
        head: &Parts,
        response: &mut Response<ByteStream>,
    ) {
        let _ = (operation, ctx, head, response);
    }

    /// Answers what the model has no operation for, where the service told the front door that it takes such requests
    /// (S3: preflights, form uploads). `None`: it does not.
    fn raw<'a>(&'a self, ctx: &'a Context, head: &'a Parts, body: ByteStream) -> Option<RawAnswer<'a>> {
        let _ = (ctx, head, body);
        None
    }
}
