//! Uploads by a browser's form.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>

use http::{Response, request::Parts};
use moln_kernel::{ApiError, Context};
use moln_wire::ByteStream;

use crate::Buckets;

impl Buckets {
    /// Takes a form's file in.
    #[expect(clippy::unused_async, reason = "reads the form once it is built")]
    pub(super) async fn form(
        &self,
        _ctx: &Context,
        _head: &Parts,
        _body: ByteStream,
        _boundary: &str,
    ) -> Result<Response<ByteStream>, ApiError> {
        Err(ApiError::not_implemented("S3", "form uploads"))
    }
}
