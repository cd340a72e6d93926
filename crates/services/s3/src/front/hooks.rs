//! Where S3 departs from the protocols' common ways.

use http::{Response, request::Parts};
use moln_kernel::{ApiError, Context};
use moln_wire::{ByteStream, Hooks, Operation, ValidationFailure, service::RawAnswer};

use crate::{Buckets, errors};

impl Hooks for Buckets {
    /// A document that breaks the model's constraints is malformed; what stands in the address or a header is judged by the
    /// operations, each with its own words, and so is what AWS does not take as seriously as its model.
    fn translate(&self, operation: &'static Operation, failures: &[ValidationFailure]) -> Option<ApiError> {
        let malformed = failures.iter().any(|failure| {
            let lenient = match failure.member {
                // Judged with the region that was addressed; written in either case.
                "LocationConstraint" => true,
                "Name" => failure.path.contains("filterRules"),
                // No set of tags is an empty one.
                "TagSet" => failure.path == "tagging.tagSet",
                // Names of events have words of their own.
                _ => failure.path.contains("targetGrants") || failure.path.contains(".events"),
            };
            failure.path.contains('.') && !lenient
        });
        let mut error = malformed.then(errors::malformed_xml)?;
        if matches!(operation.name, "PutBucketAcl" | "PutObjectAcl") {
            error.code = "MalformedACLError".into();
        }
        Some(error)
    }

    /// Foreign pages change nothing. A bucket is asked for in its own region. Settings are for buckets that are there: that comes before what is wrong with their
    /// document.
    fn admit(&self, operation: &'static Operation, ctx: &Context, head: &Parts) -> Result<(), ApiError> {
        self.keep_strangers_out(ctx, head)?;
        self.check_region(operation, ctx, head)?;
        if operation.method != "PUT" || !operation.uri.starts_with("/{Bucket}?") {
            return Ok(());
        }
        let path = head.uri.path();
        let name = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if self.find(name)?.is_none() {
            return Err(errors::no_such_bucket(name));
        }
        if operation.name == "PutBucketAccelerateConfiguration" && name.contains('.') {
            return Err(errors::invalid_request(
                "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
            ));
        }
        Ok(())
    }

    fn finish(
        &self,
        operation: Option<&'static Operation>,
        ctx: &Context,
        head: &Parts,
        response: &mut Response<ByteStream>,
    ) {
        self.last_look(operation, ctx, head, response);
    }

    fn raw<'a>(&'a self, ctx: &'a Context, head: &'a Parts, body: ByteStream) -> Option<RawAnswer<'a>> {
        Some(Box::pin(self.raw_answer(ctx, head, body)))
    }
}
