//! `DeleteObject` and `DeleteObjects`.

use moln_kernel::{ApiError, Context};

use super::describe::check_key;
use crate::{
    Buckets,
    access::Asking,
    bucket::Bucket,
    errors, limits,
    logging::Aside,
    model::{
        DeleteObjectOutput, DeleteObjectRequest, DeleteObjectsOutput, DeleteObjectsRequest, DeletedObject,
        Error as FailedObject,
    },
    notification::Event,
    objects::delete::{DeleteConditions, Deleted, Deletion},
};

/// What a deletion by a request raises.
const EVENTS: (Event, Event) = (Event::RemovedDelete, Event::RemovedMarker);

impl Buckets {
    pub(crate) async fn delete_one(
        &self,
        ctx: &Context,
        input: DeleteObjectRequest,
    ) -> Result<DeleteObjectOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        check_bypass(&bucket, input.bypass_governance_retention)?;
        let deletion = Deletion {
            key: &input.key,
            version_id: input.version_id.as_deref(),
            bypass: input.bypass_governance_retention == Some(true),
            conditions: DeleteConditions {
                if_match: input.if_match.as_deref(),
                modified: input.if_match_last_modified_time,
                size: input.if_match_size,
            },
            events: EVENTS,
            operation: "DeleteObject",
        };
        let deleted = self.checked_delete(ctx, &bucket, deletion).await?;
        Ok(DeleteObjectOutput {
            delete_marker: deleted.marker.then_some(true),
            version_id: deleted.version_id,
            request_charged: None,
        })
    }

    async fn checked_delete(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        deletion: Deletion<'_>,
    ) -> Result<Deleted, ApiError> {
        check_key(deletion.key)?;
        let list = Self::list_of(bucket)?;
        let action = if deletion.version_id.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" };
        self.permit(ctx, bucket, Asking::new(action, Some(deletion.key)).or_by("WRITE", &list))?;
        if let Some(id) = deletion.version_id
            && id != crate::versions::NULL
            && crate::versions::stamp(bucket.row.number, id).is_none()
        {
            return Err(crate::objects::find::invalid_version_id(id));
        }
        self.delete(ctx, &bucket.name, deletion).await
    }

    pub(crate) async fn delete_many(
        &self,
        ctx: &Context,
        input: DeleteObjectsRequest,
    ) -> Result<DeleteObjectsOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        check_bypass(&bucket, input.bypass_governance_retention)?;
        if input.delete.objects.is_empty() || input.delete.objects.len() > limits::PAGE {
            return Err(errors::malformed_xml());
        }
        let bypass = input.bypass_governance_retention == Some(true);
        // Each is a commit of its own, as S3 deletes each for itself; many at once share the price of a sync.
        let one = |object: crate::model::ObjectIdentifier| {
            let bucket = &bucket;
            async move {
                let deletion = Deletion {
                    key: &object.key,
                    version_id: object.version_id.as_deref().filter(|id| !id.is_empty()),
                    bypass,
                    conditions: DeleteConditions {
                        if_match: object.e_tag.as_deref(),
                        modified: object.last_modified_time,
                        size: object.size,
                    },
                    events: EVENTS,
                    operation: "DeleteObjects",
                };
                let result = self.checked_delete(ctx, bucket, deletion).await;
                // In a document an id that no version can have is one that no version has.
                let result = result.map_err(|why| match object.version_id.as_deref() {
                    Some(id) if why.message == crate::objects::find::invalid_version_id(id).message => {
                        crate::objects::find::no_such_version(&object.key, id)
                    }
                    _ => why,
                });
                (object, result)
            }
        };
        let results = crate::together::in_order(input.delete.objects.into_iter().map(one)).await;
        let told = results.iter().map(|(object, result)| Aside {
            operation: "BATCH.DELETE.OBJECT",
            key: &object.key,
            status: result.is_ok().then_some("204"),
            code: result.as_ref().err().map(|why| why.code.as_ref()),
            version: object.version_id.as_deref(),
            ..Aside::default()
        });
        self.note_asides(ctx, &bucket, told);
        let quiet = input.delete.quiet == Some(true);
        let (mut deleted, mut failed) = (Vec::new(), Vec::new());
        for (object, result) in results {
            match result {
                Ok(_) if quiet => {}
                Ok(done) => {
                    let asked = object.version_id.filter(|id| !id.is_empty());
                    let (of_marker, own) = if done.marker { (done.version_id, asked) } else { (None, asked) };
                    deleted.push(DeletedObject {
                        key: Some(object.key),
                        version_id: own,
                        delete_marker: done.marker.then_some(true),
                        delete_marker_version_id: of_marker,
                    });
                }
                Err(why) => failed.push(FailedObject {
                    key: Some(object.key),
                    version_id: object.version_id,
                    code: Some(why.code.into_owned()),
                    message: Some(why.message),
                }),
            }
        }
        Ok(DeleteObjectsOutput {
            deleted: (!deleted.is_empty()).then_some(deleted),
            errors: (!failed.is_empty()).then_some(failed),
            request_charged: None,
        })
    }
}

/// Locks can only be bypassed where there are some.
fn check_bypass(bucket: &Bucket, bypass: Option<bool>) -> Result<(), ApiError> {
    if bypass.is_some() && !bucket.row.object_lock {
        return Err(errors::refused_argument(
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
            "x-amz-bypass-governance-retention",
        ));
    }
    Ok(())
}
