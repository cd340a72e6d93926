//! Settings that are lists of rules: cross-origin sharing, life cycles, websites, replication, locks by default.

use std::collections::BTreeSet;

use moln_kernel::{ApiError, Context};

use crate::{
    Buckets, errors, limits,
    model::{
        BucketLifecycleConfiguration, CORSConfiguration, DeleteBucketCorsRequest,
        DeleteBucketLifecycleRequest, DeleteBucketReplicationRequest, DeleteBucketWebsiteRequest,
        GetBucketCorsOutput, GetBucketCorsRequest, GetBucketLifecycleConfigurationOutput,
        GetBucketLifecycleConfigurationRequest, GetBucketReplicationOutput, GetBucketReplicationRequest,
        GetBucketWebsiteOutput, GetBucketWebsiteRequest, GetObjectLockConfigurationOutput,
        GetObjectLockConfigurationRequest, ObjectLockConfiguration, PutBucketCorsRequest,
        PutBucketLifecycleConfigurationOutput, PutBucketLifecycleConfigurationRequest,
        PutBucketReplicationRequest, PutBucketWebsiteRequest, PutObjectLockConfigurationOutput,
        PutObjectLockConfigurationRequest, WebsiteConfiguration,
    },
    rules::{lifecycle, lock, replication, website},
    tables::{
        bucket::{BUCKETS, BucketRow, Versioning},
        configuration::{self, Kind},
    },
};

impl Buckets {
    pub(crate) async fn set_cors(&self, ctx: &Context, input: PutBucketCorsRequest) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let rules = &input.cors_configuration.cors_rules;
        if rules.is_empty() || rules.len() > limits::CORS_RULES {
            return Err(errors::malformed_xml());
        }
        for rule in rules {
            let known =
                |method: &&String| !["GET", "PUT", "POST", "DELETE", "HEAD"].contains(&method.as_str());
            if let Some(method) = rule.allowed_methods.iter().find(known) {
                return Err(errors::invalid_request(format!(
                    "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )));
            }
            let two_wildcards = |text: &&String| text.matches('*').count() > 1;
            if let Some(origin) = rule.allowed_origins.iter().find(two_wildcards) {
                return Err(errors::invalid_request(format!(
                    "AllowedOrigin \"{origin}\" can not have more than one wildcard."
                )));
            }
            if let Some(header) = rule.allowed_headers.iter().flatten().find(two_wildcards) {
                return Err(errors::invalid_request(format!(
                    "AllowedHeader \"{header}\" can not have more than one wildcard."
                )));
            }
            if let Some(header) = rule.expose_headers.iter().flatten().find(|header| header.contains('*')) {
                return Err(errors::invalid_request(format!(
                    "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
                )));
            }
            if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
                return Err(errors::malformed_xml());
            }
        }
        self.set(&bucket, Kind::Cors, Some(&input.cors_configuration)).await
    }

    pub(crate) fn cors(
        &self,
        ctx: &Context,
        input: &GetBucketCorsRequest,
    ) -> Result<GetBucketCorsOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set: CORSConfiguration = bucket.setting(Kind::Cors)?.ok_or_else(|| {
            errors::absent("NoSuchCORSConfiguration", "The CORS configuration does not exist", &bucket.name)
        })?;
        Ok(GetBucketCorsOutput { cors_rules: Some(set.cors_rules) })
    }

    pub(crate) async fn remove_cors(
        &self,
        ctx: &Context,
        input: DeleteBucketCorsRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Cors, "", None).await
    }

    pub(crate) async fn set_lifecycle(
        &self,
        ctx: &Context,
        input: PutBucketLifecycleConfigurationRequest,
    ) -> Result<PutBucketLifecycleConfigurationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let BucketLifecycleConfiguration { mut rules } =
            input.lifecycle_configuration.ok_or_else(errors::malformed_xml)?;
        lifecycle::check(&mut rules)?;
        let smallest = input
            .transition_default_minimum_object_size
            .unwrap_or_else(|| lifecycle::DEFAULT_MINIMUM_SIZE.to_owned());
        let set = GetBucketLifecycleConfigurationOutput {
            rules: Some(rules),
            transition_default_minimum_object_size: Some(smallest.clone()),
        };
        self.set(&bucket, Kind::Lifecycle, Some(&set)).await?;
        Ok(PutBucketLifecycleConfigurationOutput { transition_default_minimum_object_size: Some(smallest) })
    }

    pub(crate) fn lifecycle(
        &self,
        ctx: &Context,
        input: &GetBucketLifecycleConfigurationRequest,
    ) -> Result<GetBucketLifecycleConfigurationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        bucket.setting(Kind::Lifecycle)?.ok_or_else(|| {
            errors::absent(
                "NoSuchLifecycleConfiguration",
                "The lifecycle configuration does not exist",
                &bucket.name,
            )
        })
    }

    pub(crate) async fn remove_lifecycle(
        &self,
        ctx: &Context,
        input: DeleteBucketLifecycleRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Lifecycle, "", None).await
    }

    pub(crate) async fn set_website(
        &self,
        ctx: &Context,
        input: PutBucketWebsiteRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        website::check(&input.website_configuration)?;
        self.set(&bucket, Kind::Website, Some(&input.website_configuration)).await
    }

    pub(crate) fn website(
        &self,
        ctx: &Context,
        input: &GetBucketWebsiteRequest,
    ) -> Result<GetBucketWebsiteOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set: WebsiteConfiguration = bucket.setting(Kind::Website)?.ok_or_else(|| {
            errors::absent(
                "NoSuchWebsiteConfiguration",
                "The specified bucket does not have a website configuration",
                &bucket.name,
            )
        })?;
        Ok(GetBucketWebsiteOutput {
            redirect_all_requests_to: set.redirect_all_requests_to,
            index_document: set.index_document,
            error_document: set.error_document,
            routing_rules: set.routing_rules,
        })
    }

    pub(crate) async fn remove_website(
        &self,
        ctx: &Context,
        input: DeleteBucketWebsiteRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Website, "", None).await
    }

    pub(crate) async fn set_replication(
        &self,
        ctx: &Context,
        input: PutBucketReplicationRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if bucket.row.versioning != Versioning::Enabled {
            return Err(errors::invalid_request(
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
            ));
        }
        let mut set = input.replication_configuration;
        replication::check(&mut set, &bucket.name)?;
        let destinations: BTreeSet<&str> =
            set.rules.iter().map(|rule| rule.destination.bucket.as_str()).collect();
        for arn in destinations {
            let target = replication::bucket_of(arn).map(|name| self.find(name)).transpose()?.flatten();
            let versioned =
                target.as_ref().is_some_and(|target| target.row.versioning == Versioning::Enabled);
            if target.is_none() {
                return Err(errors::invalid_request("Destination bucket must exist."));
            }
            if !versioned {
                return Err(errors::invalid_request("Destination bucket must have versioning enabled."));
            }
        }
        self.set(&bucket, Kind::Replication, Some(&set)).await
    }

    pub(crate) fn replication(
        &self,
        ctx: &Context,
        input: &GetBucketReplicationRequest,
    ) -> Result<GetBucketReplicationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set = bucket.setting(Kind::Replication)?.ok_or_else(|| {
            errors::absent(
                "ReplicationConfigurationNotFoundError",
                "The replication configuration was not found",
                &bucket.name,
            )
        })?;
        Ok(GetBucketReplicationOutput { replication_configuration: Some(set) })
    }

    pub(crate) async fn remove_replication(
        &self,
        ctx: &Context,
        input: DeleteBucketReplicationRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Replication, "", None).await
    }

    /// Switches locks on for a bucket, for ever, and sets the retention of new objects.
    pub(crate) async fn set_lock(
        &self,
        ctx: &Context,
        input: PutObjectLockConfigurationRequest,
    ) -> Result<PutObjectLockConfigurationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set = input.object_lock_configuration.ok_or_else(errors::malformed_xml)?;
        lock::check(&set)?;
        if bucket.row.versioning != Versioning::Enabled {
            return Err(errors::other(
                409,
                "InvalidBucketState",
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
            ));
        }
        let mut batch = moln_store::Batch::default();
        let written = (|| {
            if !bucket.row.object_lock {
                BUCKETS.put(
                    &mut batch,
                    &bucket.name,
                    &BucketRow { object_lock: true, ..bucket.row.clone() },
                )?;
            }
            configuration::put(
                &mut batch,
                bucket.row.number,
                Kind::ObjectLock,
                "",
                &configuration::encode(&set),
            )
        })();
        written.map_err(|why| errors::unreadable(&why))?;
        bucket.guard(&mut batch);
        let committed = self.store.commit(batch).await;
        self.pictures.forget(&bucket.name);
        committed.map_err(|why| errors::uncommitted(&why))?;
        Ok(PutObjectLockConfigurationOutput::default())
    }

    pub(crate) fn lock(
        &self,
        ctx: &Context,
        input: &GetObjectLockConfigurationRequest,
    ) -> Result<GetObjectLockConfigurationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if !bucket.row.object_lock {
            return Err(errors::absent(
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket",
                &bucket.name,
            ));
        }
        let set = bucket.setting(Kind::ObjectLock)?.unwrap_or_else(|| ObjectLockConfiguration {
            object_lock_enabled: Some("Enabled".into()),
            rule: None,
        });
        Ok(GetObjectLockConfigurationOutput { object_lock_configuration: Some(set) })
    }
}
