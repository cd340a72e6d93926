//! What is changed on a version without making a new one: tags, list, retention, legal hold.

use moln_kernel::{ApiError, Context, Timestamp};

use super::{describe::check_list, gets::list_of};
use crate::{
    Buckets,
    access::Asking,
    acl, errors, limits,
    model::{
        DeleteObjectTaggingOutput, DeleteObjectTaggingRequest, GetObjectAclOutput, GetObjectAclRequest,
        GetObjectLegalHoldOutput, GetObjectLegalHoldRequest, GetObjectRetentionOutput,
        GetObjectRetentionRequest, GetObjectTaggingOutput, GetObjectTaggingRequest, ObjectLockLegalHold,
        ObjectLockRetention, PutObjectAclOutput, PutObjectAclRequest, PutObjectLegalHoldOutput,
        PutObjectLegalHoldRequest, PutObjectRetentionOutput, PutObjectRetentionRequest,
        PutObjectTaggingOutput, PutObjectTaggingRequest, Tag,
    },
    notification::Event,
    objects::{
        amend::{self, Amendment},
        find::{self, Newest},
    },
    tables::{bucket::Versioning, configuration},
    tags,
};

fn no_lock() -> ApiError {
    errors::other(
        404,
        "NoSuchObjectLockConfiguration",
        "The specified object does not have a ObjectLock configuration",
    )
}

fn lockless() -> ApiError {
    errors::invalid_request("Bucket is missing Object Lock Configuration")
}

impl Buckets {
    pub(crate) async fn tag_object(
        &self,
        ctx: &Context,
        input: PutObjectTaggingRequest,
    ) -> Result<PutObjectTaggingOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:PutObjectTagging", Some(&input.key)))?;
        let set = input.tagging.tag_set;
        if set.len() > limits::OBJECT_TAGS {
            return Err(errors::other(400, "BadRequest", "Object tags cannot be greater than 10"));
        }
        tags::check_object(&set)?;
        let set: Vec<(String, String)> = set.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let amended = self.amend(
            ctx,
            &bucket.name,
            &input.key,
            input.version_id.as_deref(),
            Amendment::asked("PUT", Event::TaggingPut),
            |_, row, _| {
                row.tags.clone_from(&set);
                Ok(())
            },
        );
        Ok(PutObjectTaggingOutput { version_id: amended.await?.version_id })
    }

    pub(crate) fn object_tags(
        &self,
        ctx: &Context,
        input: &GetObjectTaggingRequest,
    ) -> Result<GetObjectTaggingOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:GetObjectTagging", Some(&input.key)))?;
        let id = input.version_id.as_deref();
        let snapshot = self.store.snapshot();
        if let (Newest::Marker(marker), None) = (find::newest(&*snapshot, bucket.row.number, &input.key)?, id)
        {
            return Err(amend::is_marker(&marker, "GET"));
        }
        let row = self.version_of(&*snapshot, &bucket, &input.key, id, "GET")?;
        let versioned = bucket.row.versioning != Versioning::Off;
        Ok(GetObjectTaggingOutput {
            version_id: versioned.then(|| find::id_of(&row)),
            tag_set: row.tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
        })
    }

    pub(crate) async fn untag_object(
        &self,
        ctx: &Context,
        input: DeleteObjectTaggingRequest,
    ) -> Result<DeleteObjectTaggingOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:DeleteObjectTagging", Some(&input.key)))?;
        let amended = self.amend(
            ctx,
            &bucket.name,
            &input.key,
            input.version_id.as_deref(),
            Amendment::asked("DELETE", Event::TaggingDelete),
            |_, row, _| {
                row.tags.clear();
                Ok(())
            },
        );
        Ok(DeleteObjectTaggingOutput { version_id: amended.await?.version_id })
    }

    pub(crate) async fn set_object_acl(
        &self,
        ctx: &Context,
        input: PutObjectAclRequest,
    ) -> Result<PutObjectAclOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let id = input.version_id.as_deref();
        let list = match self.version_of(&*self.store.snapshot(), &bucket, &input.key, id, "PUT") {
            Ok(row) => list_of(&row)?,
            Err(_) => acl::private(&bucket.row.account),
        };
        self.permit(
            ctx,
            &bucket,
            Asking::new("s3:PutObjectAcl", Some(&input.key)).or_by("WRITE_ACP", &list),
        )?;
        let wish = acl::Wish {
            canned: input.acl.as_deref(),
            full_control: input.grant_full_control.as_deref(),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write: input.grant_write.as_deref(),
            write_acp: input.grant_write_acp.as_deref(),
        };
        let amended = self.amend(
            ctx,
            &bucket.name,
            &input.key,
            id,
            Amendment::asked("PUT", Event::AclPut),
            |bucket, row, _| {
                let document = input.access_control_policy.clone();
                let list = acl::asked(&wish, document, &row.owner, &bucket.row.account, true)?;
                check_list(bucket, &list, wish.canned)?;
                row.acl = (list != acl::private(&row.owner)).then(|| configuration::encode(&list).to_vec());
                Ok(())
            },
        );
        amended.await?;
        Ok(PutObjectAclOutput::default())
    }

    pub(crate) fn object_acl(
        &self,
        ctx: &Context,
        input: &GetObjectAclRequest,
    ) -> Result<GetObjectAclOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let id = input.version_id.as_deref();
        let row = self.version_of(&*self.store.snapshot(), &bucket, &input.key, id, "GET")?;
        let list = list_of(&row)?;
        self.permit(ctx, &bucket, Asking::new("s3:GetObjectAcl", Some(&input.key)).or_by("READ_ACP", &list))?;
        Ok(GetObjectAclOutput { owner: list.owner, grants: list.grants, request_charged: None })
    }

    pub(crate) async fn retain(
        &self,
        ctx: &Context,
        input: PutObjectRetentionRequest,
    ) -> Result<PutObjectRetentionOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:PutObjectRetention", Some(&input.key)))?;
        if !bucket.row.object_lock {
            return Err(lockless());
        }
        let asked = input.retention.unwrap_or_default();
        if asked.event_hold.is_some() || asked.event_hold_duration.is_some() {
            return Err(ApiError::not_implemented("S3", "event holds"));
        }
        let wanted = match (asked.mode, asked.retain_until_date) {
            (None, None) => None,
            (Some(mode), Some(until)) if matches!(mode.as_str(), "GOVERNANCE" | "COMPLIANCE") => {
                if until <= ctx.now {
                    return Err(errors::refused_argument(
                        "The retain until date must be in the future!",
                        "RetainUntilDate",
                    ));
                }
                Some((mode, until.millis()))
            }
            _ => return Err(errors::malformed_xml()),
        };
        let bypass = input.bypass_governance_retention == Some(true);
        let now = ctx.now.millis();
        let amended = self.amend(
            ctx,
            &bucket.name,
            &input.key,
            input.version_id.as_deref(),
            Amendment::asked("PUT", None),
            |_, row, _| {
                if let Some((mode, until)) = row.lock.retention.as_ref().filter(|(_, until)| *until > now) {
                    // It may be made longer; shorter or looser only where the lock lets itself be bypassed.
                    let stricter = wanted
                        .as_ref()
                        .is_some_and(|(new, longer)| longer >= until && (new == mode || new == "COMPLIANCE"));
                    if !stricter && (mode == "COMPLIANCE" || !bypass) {
                        return Err(errors::access_denied_because(
                            "Access Denied because object protected by object lock.",
                        ));
                    }
                }
                row.lock.retention.clone_from(&wanted);
                Ok(())
            },
        );
        amended.await?;
        Ok(PutObjectRetentionOutput::default())
    }

    pub(crate) fn retention(
        &self,
        ctx: &Context,
        input: &GetObjectRetentionRequest,
    ) -> Result<GetObjectRetentionOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:GetObjectRetention", Some(&input.key)))?;
        if !bucket.row.object_lock {
            return Err(lockless());
        }
        let id = input.version_id.as_deref();
        let row = self.version_of(&*self.store.snapshot(), &bucket, &input.key, id, "GET")?;
        let (mode, until) = row.lock.retention.ok_or_else(no_lock)?;
        let retention = ObjectLockRetention {
            mode: Some(mode),
            retain_until_date: Some(Timestamp(until)),
            ..ObjectLockRetention::default()
        };
        Ok(GetObjectRetentionOutput { retention: Some(retention) })
    }

    pub(crate) async fn hold(
        &self,
        ctx: &Context,
        input: PutObjectLegalHoldRequest,
    ) -> Result<PutObjectLegalHoldOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:PutObjectLegalHold", Some(&input.key)))?;
        if !bucket.row.object_lock {
            return Err(lockless());
        }
        let on = match input.legal_hold.as_ref().and_then(|hold| hold.status.as_deref()) {
            Some("ON") => true,
            Some("OFF") => false,
            _ => return Err(errors::malformed_xml()),
        };
        let amended = self.amend(
            ctx,
            &bucket.name,
            &input.key,
            input.version_id.as_deref(),
            Amendment::asked("PUT", None),
            |_, row, _| {
                row.lock.legal_hold = Some(on);
                Ok(())
            },
        );
        amended.await?;
        Ok(PutObjectLegalHoldOutput::default())
    }

    pub(crate) fn legal_hold(
        &self,
        ctx: &Context,
        input: &GetObjectLegalHoldRequest,
    ) -> Result<GetObjectLegalHoldOutput, ApiError> {
        let bucket = self.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        self.permit(ctx, &bucket, Asking::new("s3:GetObjectLegalHold", Some(&input.key)))?;
        if !bucket.row.object_lock {
            return Err(lockless());
        }
        let id = input.version_id.as_deref();
        let row = self.version_of(&*self.store.snapshot(), &bucket, &input.key, id, "GET")?;
        let on = row.lock.legal_hold.ok_or_else(no_lock)?;
        let status = Some(if on { "ON".to_owned() } else { "OFF".to_owned() });
        Ok(GetObjectLegalHoldOutput { legal_hold: Some(ObjectLockLegalHold { status }) })
    }
}
