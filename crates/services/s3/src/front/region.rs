//! Requests that were signed for another region than the bucket's. All regions are served by one address, so that the
//! region of the signature is all that tells where a client looks for a bucket.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use http::{header::AUTHORIZATION, request::Parts};
use moln_kernel::{ApiError, Context, Principal};
use moln_wire::Operation;

use super::place;
use crate::{Buckets, errors};

impl Buckets {
    /// Sends a client that signed for another region to the bucket's: SDKs read the region from the answer and ask again.
    /// Where a bucket is, everybody may ask everywhere.
    pub(crate) fn check_region(
        &self,
        operation: &Operation,
        ctx: &Context,
        head: &Parts,
    ) -> Result<(), ApiError> {
        let anywhere = matches!(operation.name, "CreateBucket" | "GetBucketLocation" | "ListBuckets");
        if anywhere || ctx.principal == Principal::Anonymous {
            return Ok(());
        }
        let Some(bucket) = self.find(place(head).0)? else { return Ok(()) };
        let (here, there) = (ctx.region.as_str(), bucket.row.region.as_str());
        if here == there {
            return Ok(());
        }
        let header =
            head.headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
        let (code, what) = if header {
            ("AuthorizationHeaderMalformed", "The authorization header is malformed")
        } else if head.uri.query().is_some_and(|query| query.contains("X-Amz-Credential=")) {
            ("AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter")
        } else {
            // The older signature names no region.
            return Ok(());
        };
        let words = format!("{what}; the region '{here}' is wrong; expecting '{there}'");
        let error = errors::with(errors::other(400, code, words), "Region", there);
        Err(errors::with(error, "x-amz-bucket-region", there))
    }
}
