//! `RestoreObject`: a copy of an archived version, for some days.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html>

use moln_kernel::{ApiError, Context, Timestamp};

use crate::{
    Buckets,
    access::Asking,
    care::restores::Moment,
    errors,
    model::{RestoreObjectOutput, RestoreObjectRequest},
    notification::Event,
    objects::{
        amend::Amendment,
        archive::{self, Copy},
    },
    rules::lifecycle,
    tables::object::RestoreRow,
};

/// In the member that only a restore by SELECT has: the copy was there already, and stays longer. (The model has no place
/// for a status; [`crate::front`] makes 200 of this and 202 of its absence.)
const THERE: &str = "there";

impl Buckets {
    pub(crate) async fn restore(
        &self,
        ctx: &Context,
        input: RestoreObjectRequest,
    ) -> Result<RestoreObjectOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:RestoreObject", Some(&input.key)))?;
        let Some(timers) = &self.ports.timers else {
            return Err(ApiError::not_implemented("S3", "RestoreObject without timers"));
        };
        let asked = input.restore_request.ok_or_else(errors::malformed_xml)?;
        if asked.r#type.is_some() || asked.select_parameters.is_some() || asked.output_location.is_some() {
            return Err(ApiError::not_implemented("S3", "RestoreObject by SELECT"));
        }
        let days = asked.days.ok_or_else(errors::malformed_xml)?;
        if days < 1 {
            return Err(errors::invalid_argument(
                "restoration days should be at least 1",
                "Days",
                days.to_string(),
            ));
        }
        let tier = asked.glacier_job_parameters.map(|job| job.tier).or(asked.tier);
        let tier = tier.as_deref().unwrap_or("Standard");
        if !matches!(tier, "Expedited" | "Standard" | "Bulk") {
            return Err(errors::malformed_xml());
        }
        let now = ctx.now;
        let amended = self.amend(
            ctx,
            &bucket.name,
            &input.key,
            input.version_id.as_deref(),
            Amendment::own("POST", Event::RestorePost),
            |bucket, row, batch| {
                let class = row.storage_class.as_str();
                if !archive::is_archive(class) {
                    let words = "Restore is not allowed for the object's current storage class";
                    let error = errors::other(403, "InvalidObjectState", words);
                    return Err(errors::with(error, "StorageClass", class));
                }
                let takes = archive::takes(class, tier).ok_or_else(|| {
                    let words = "Retrieval option is not supported by this storage class";
                    errors::invalid_argument(words, "Tier", tier)
                })?;
                let after = |ready: Timestamp| lifecycle::after(ready, days).millis();
                let ready = now.after(takes);
                let (restore, moment) = match (archive::copy_of(row.restore.as_ref(), now), &row.restore) {
                    (Copy::There(_), Some(before)) => {
                        let restore = RestoreRow { ready: before.ready, expires: after(now) };
                        (restore, Moment::Expires)
                    }
                    // A faster tier takes over, for as long as was asked first.
                    (Copy::Coming, Some(before)) if ready.millis() < before.ready => {
                        (RestoreRow { ready: ready.millis(), expires: before.expires }, Moment::Ready)
                    }
                    (Copy::Coming, _) => {
                        let words = "Object restore is already in progress";
                        return Err(errors::other(409, "RestoreAlreadyInProgress", words));
                    }
                    _ => (RestoreRow { ready: ready.millis(), expires: after(ready) }, Moment::Ready),
                };
                moment.schedule(timers, batch, bucket, &input.key, row.stamp, &restore)?;
                row.restore = Some(restore);
                Ok(())
            },
        );
        let there = amended.await?.row.restore.is_some_and(|restore| restore.ready <= now.millis());
        let restore_output_path = there.then(|| THERE.to_owned());
        Ok(RestoreObjectOutput { restore_output_path, ..RestoreObjectOutput::default() })
    }
}
