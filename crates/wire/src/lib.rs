//! AWS's wire protocols. Shapes describe themselves once, as a [`Schema`] and by [`ReadShape`] / [`WriteShape`] over an
//! abstract reader and writer; each protocol is written once over the same two traits. N shapes + M protocols.
//!
//! # For a service
//! `build.rs` is one line, `moln_codegen::build("sqs")`; `lib.rs` takes the generated code in with
//! `moln_wire::api!(pub mod model);`. It holds, for `models/sqs.json`:
//! - a struct per structure (`model::SendMessageRequest { queue_url: String, delay_seconds: Option<i32>, … }`): required
//!   members plain, others `Option`; lists `Vec`, maps `BTreeMap<String, _>`, blobs `Bytes`, enums `String`, moments
//!   [`moln_kernel::Timestamp`]; `Clone + Debug + Default`. Unions are enums with a variant per member and `Unset`.
//!   Streaming blobs are [`ByteStream`], event streams [`EventStream`]; what holds one is not `Clone`.
//! - the trait (`model::Sqs: Hooks`), one async method per operation, each answering 501 until overridden:
//!   `async fn send_message(&self, ctx: &Context, input: SendMessageRequest) -> Result<SendMessageResult, ApiError>`.
//!   Inputs were validated before the method is called.
//! - `model::errors::queue_does_not_exist("…") -> ApiError`, one per modelled error, with its status and codes.
//! - `model::MODEL: ServiceModel`, and `model::Api<T>(pub Arc<T>)`, which makes any `T: Sqs` a [`Service`]:
//!   `let service: Arc<dyn Service> = Arc::new(model::Api(Arc::clone(&queues)))`.
//!
//! [`Hooks`] is where a service departs from common ways: how broken constraints are refused
//! ([`Hooks::translate`]; default AWS's `ValidationException`), and which parameters a query request takes from its
//! address ([`Hooks::adopt`]).
//!
//! # For the front door
//! [`server::serve`] answers a request whose service, protocol and operation are known; [`server::error_response`]
//! writes an error before that; [`server::operation_index`] and [`server::Routes`] find operations. Services that
//! own hosts and answer raw HTTP there are [`site::Site`]s.

pub mod cbor;
mod events;
pub mod eventstream;
pub mod json;
mod loose;
mod pattern;
pub mod query;
pub mod rest;
mod route;
pub mod schema;
pub mod server;
pub mod service;
pub mod shape;
pub mod site;
mod stream;
pub mod template;
mod text;
pub mod time;
pub mod validate;
mod values;
pub mod xml;

pub use bytes::Bytes;
pub use http;
pub use moln_kernel::{ApiError, Context, Timestamp};
pub use serde_json::Value as Document;

pub use events::EventStream;
pub use schema::{Kind, Location, Member, Schema};
pub use service::{Answer, Hooks, Operation, Protocol, Service, ServiceModel};
pub use shape::{Opaque, ReadError, ReadShape, Shape, ShapeReader, ShapeWriter, WriteShape, read};
pub use stream::{ByteStream, Pieces};
pub use validate::{Constraint, ValidationFailure, accept};

/// Takes in what `build.rs` generated: `moln_wire::api!(pub mod model);`.
#[macro_export]
macro_rules! api {
    ($vis:vis mod $name:ident) => {
        /// Types, errors, trait and model of this service, generated from its API model at build time.
        #[allow(missing_docs, clippy::all, clippy::pedantic)] // generated: names and docs are the model's
        $vis mod $name {
            include!(concat!(env!("OUT_DIR"), "/api.rs"));
        }
    };
}

/// Boxes a service's work as an [`Answer`]. What generated code calls.
pub fn answer<T: WriteShape + Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Answer {
    // Awaited in its own box: a future that holds another by value has room for it twice.
    let work = Box::pin(work);
    Box::pin(async move { work.await.map(|output| Box::new(output) as Opaque) })
}

/// A modelled error, with its status, fault and query code. What generated constructors call.
pub fn modelled(shape: &'static Schema, message: String) -> ApiError {
    let error = ApiError::sender(shape.name, message);
    let Some(traits) = shape.traits.error else { return error };
    let fault = if traits.sender { moln_kernel::Fault::Sender } else { moln_kernel::Fault::Receiver };
    let query_code = traits.code.filter(|code| *code != shape.name).map(std::borrow::Cow::Borrowed);
    ApiError { status: traits.status, fault, query_code, ..error }
}
