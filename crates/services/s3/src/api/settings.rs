//! What a bucket has one of and that only has to be kept and given back as AWS does: acceleration, default encryption,
//! logging, payment, tags.

use moln_kernel::{ApiError, Context};

use crate::{
    Buckets, errors, limits,
    model::{
        AccelerateConfiguration, BucketLoggingStatus, DeleteBucketEncryptionRequest,
        DeleteBucketTaggingRequest, GetBucketAccelerateConfigurationOutput,
        GetBucketAccelerateConfigurationRequest, GetBucketEncryptionOutput, GetBucketEncryptionRequest,
        GetBucketLoggingOutput, GetBucketLoggingRequest, GetBucketRequestPaymentOutput,
        GetBucketRequestPaymentRequest, GetBucketTaggingOutput, GetBucketTaggingRequest,
        PutBucketAccelerateConfigurationRequest, PutBucketEncryptionRequest, PutBucketLoggingRequest,
        PutBucketRequestPaymentRequest, PutBucketTaggingRequest, RequestPaymentConfiguration,
        ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tagging,
    },
    tables::configuration::Kind,
    tags,
};

impl Buckets {
    pub(crate) async fn set_acceleration(
        &self,
        ctx: &Context,
        input: PutBucketAccelerateConfigurationRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if bucket.name.contains('.') {
            return Err(errors::invalid_request(
                "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
            ));
        }
        match input.accelerate_configuration.status.as_deref() {
            Some("Enabled" | "Suspended") => {}
            _ => return Err(errors::malformed_xml()),
        }
        // A bucket that never was accelerated cannot stop to be.
        let suspended = input.accelerate_configuration.status.as_deref() == Some("Suspended");
        if suspended && !bucket.has(Kind::Accelerate) {
            return Ok(());
        }
        self.set(&bucket, Kind::Accelerate, Some(&input.accelerate_configuration)).await
    }

    pub(crate) fn acceleration(
        &self,
        ctx: &Context,
        input: &GetBucketAccelerateConfigurationRequest,
    ) -> Result<GetBucketAccelerateConfigurationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set: Option<AccelerateConfiguration> = bucket.setting(Kind::Accelerate)?;
        Ok(GetBucketAccelerateConfigurationOutput {
            status: set.and_then(|set| set.status),
            request_charged: None,
        })
    }

    pub(crate) async fn set_encryption(
        &self,
        ctx: &Context,
        input: PutBucketEncryptionRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let mut set = input.server_side_encryption_configuration;
        let [rule] = set.rules.as_mut_slice() else { return Err(errors::malformed_xml()) };
        if let Some(default) = &rule.apply_server_side_encryption_by_default {
            let kms = match default.sse_algorithm.as_str() {
                "AES256" => false,
                "aws:kms" | "aws:kms:dsse" => true,
                _ => return Err(errors::malformed_xml()),
            };
            if !kms && default.kms_master_key_id.is_some() {
                return Err(errors::refused_argument(
                    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
                    "ApplyServerSideEncryptionByDefault",
                ));
            }
        } else if rule.blocked_encryption_types.is_none() {
            return Err(errors::malformed_xml());
        }
        rule.bucket_key_enabled.get_or_insert(false);
        self.set(&bucket, Kind::Encryption, Some(&set)).await
    }

    pub(crate) fn encryption(
        &self,
        ctx: &Context,
        input: &GetBucketEncryptionRequest,
    ) -> Result<GetBucketEncryptionOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set = bucket.setting(Kind::Encryption)?.unwrap_or_else(default_encryption);
        Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(set) })
    }

    /// A bucket always has a default: the one it began with.
    pub(crate) async fn remove_encryption(
        &self,
        ctx: &Context,
        input: DeleteBucketEncryptionRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Encryption, "", None).await
    }

    pub(crate) async fn set_logging(
        &self,
        ctx: &Context,
        input: PutBucketLoggingRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let status = input.bucket_logging_status;
        let Some(logging) = &status.logging_enabled else {
            return self.set_bytes(&bucket, Kind::Logging, "", None).await;
        };
        let refused = |words| {
            errors::with(
                errors::other(400, "InvalidTargetBucketForLogging", words),
                "TargetBucket",
                &logging.target_bucket,
            )
        };
        if logging.target_prefix.len() > limits::LOG_PREFIX {
            let words = "The prefix of the log objects' keys is too long";
            return Err(errors::invalid_argument(words, "TargetPrefix", logging.target_prefix.as_str()));
        }
        if let Some(format) = &logging.target_object_key_format {
            let date =
                format.partitioned_prefix.as_ref().and_then(|one| one.partition_date_source.as_deref());
            let one = format.simple_prefix.is_some() != format.partitioned_prefix.is_some();
            if !one || date.is_some_and(|date| !matches!(date, "EventTime" | "DeliveryTime")) {
                return Err(errors::malformed_xml());
            }
        }
        let target = self
            .find(&logging.target_bucket)?
            .ok_or_else(|| refused("The target bucket for logging does not exist"))?;
        if !target.is_owned_by(ctx) {
            return Err(refused(
                "The owner for the bucket to be logged and the target bucket must be the same.",
            ));
        }
        if target.row.region != bucket.row.region {
            let error = errors::other(
                403,
                "CrossLocationLoggingProhibitted",
                "Cross S3 location logging not allowed. ",
            );
            return Err(errors::with(error, "TargetBucketLocation", &target.row.region));
        }
        self.set(&bucket, Kind::Logging, Some(&status)).await
    }

    pub(crate) fn logging(
        &self,
        ctx: &Context,
        input: &GetBucketLoggingRequest,
    ) -> Result<GetBucketLoggingOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set: Option<BucketLoggingStatus> = bucket.setting(Kind::Logging)?;
        Ok(GetBucketLoggingOutput { logging_enabled: set.and_then(|set| set.logging_enabled) })
    }

    pub(crate) async fn set_payment(
        &self,
        ctx: &Context,
        input: PutBucketRequestPaymentRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        match input.request_payment_configuration.payer.as_str() {
            "BucketOwner" | "Requester" => {}
            _ => return Err(errors::malformed_xml()),
        }
        self.set(&bucket, Kind::RequestPayment, Some(&input.request_payment_configuration)).await
    }

    pub(crate) fn payment(
        &self,
        ctx: &Context,
        input: &GetBucketRequestPaymentRequest,
    ) -> Result<GetBucketRequestPaymentOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set: Option<RequestPaymentConfiguration> = bucket.setting(Kind::RequestPayment)?;
        let payer = set.map_or_else(|| "BucketOwner".to_owned(), |set| set.payer);
        Ok(GetBucketRequestPaymentOutput { payer: Some(payer) })
    }

    pub(crate) async fn set_bucket_tags(
        &self,
        ctx: &Context,
        input: PutBucketTaggingRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        tags::check(&input.tagging.tag_set, limits::BUCKET_TAGS)?;
        if input.tagging.tag_set.is_empty() {
            return self.set_bytes(&bucket, Kind::Tagging, "", None).await;
        }
        self.set(&bucket, Kind::Tagging, Some(&input.tagging)).await
    }

    pub(crate) fn bucket_tags(
        &self,
        ctx: &Context,
        input: &GetBucketTaggingRequest,
    ) -> Result<GetBucketTaggingOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set: Option<Tagging> = bucket.setting(Kind::Tagging)?;
        let set =
            set.ok_or_else(|| errors::absent("NoSuchTagSet", "The TagSet does not exist", &bucket.name))?;
        Ok(GetBucketTaggingOutput { tag_set: set.tag_set })
    }

    pub(crate) async fn remove_bucket_tags(
        &self,
        ctx: &Context,
        input: DeleteBucketTaggingRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Tagging, "", None).await
    }
}

/// How objects are encrypted in a bucket for which nothing was set.
pub(crate) fn default_encryption() -> ServerSideEncryptionConfiguration {
    let default = ServerSideEncryptionByDefault { sse_algorithm: "AES256".into(), kms_master_key_id: None };
    ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(default),
            bucket_key_enabled: Some(false),
            ..ServerSideEncryptionRule::default()
        }],
    }
}
