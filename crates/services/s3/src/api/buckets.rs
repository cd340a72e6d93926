//! Buckets themselves: create, look, list, delete, location, versions.

use moln_kernel::{ApiError, Context, Region};
use moln_store::{Batch, CommitError, KeyRange, Scan};

use crate::{
    Buckets, acl, errors, limits,
    model::{
        Bucket as ListedBucket, CreateBucketOutput, CreateBucketRequest, DeleteBucketRequest,
        GetBucketLocationOutput, GetBucketLocationRequest, GetBucketVersioningOutput,
        GetBucketVersioningRequest, HeadBucketOutput, HeadBucketRequest, ListBucketsOutput,
        ListBucketsRequest, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
        PutBucketVersioningRequest, Tagging,
    },
    names,
    tables::{
        bucket::{BUCKETS, BucketRow, OWNED, OwnedRow, Versioning},
        configuration::{self, Kind},
    },
    tags,
};

/// Where the global endpoint makes buckets.
const GLOBAL: &str = "us-east-1";

impl Buckets {
    pub(crate) async fn make_bucket(
        &self,
        ctx: &Context,
        input: CreateBucketRequest,
    ) -> Result<CreateBucketOutput, ApiError> {
        let name = input.bucket;
        names::check(&name)?;
        let configuration = input.create_bucket_configuration.unwrap_or_default();
        if configuration.location.is_some() || configuration.bucket.is_some() {
            return Err(ApiError::not_implemented("S3", "CreateBucket for directory buckets"));
        }
        let region = region(ctx, configuration.location_constraint.as_deref())?;
        let tagged = configuration.tags.unwrap_or_default();
        tags::check(&tagged, limits::BUCKET_TAGS)?;
        let ownership = input.object_ownership.unwrap_or_else(|| acl::ENFORCED.into());
        if !acl::OWNERSHIPS.contains(&ownership.as_str()) {
            let words = format!("Invalid x-amz-object-ownership header: {ownership}");
            return Err(errors::invalid_argument(words, "x-amz-object-ownership", ownership));
        }
        let owner = ctx.account.as_str();
        let wish = acl::Wish {
            canned: input.acl.as_deref(),
            full_control: input.grant_full_control.as_deref(),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write: input.grant_write.as_deref(),
            write_acp: input.grant_write_acp.as_deref(),
        };
        let access = acl::of_bucket(&wish, owner)?;
        if access.is_some() && ownership == acl::ENFORCED && input.acl.as_deref() != Some("private") {
            return Err(errors::other(
                400,
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ));
        }
        let created = CreateBucketOutput {
            location: Some(if region == GLOBAL {
                format!("/{name}")
            } else {
                format!("{}://{name}.{}/", ctx.endpoint.scheme, names::host(&ctx.endpoint.authority))
            }),
            bucket_arn: Some(format!("arn:aws:s3:::{name}")),
        };
        for _ in 0..limits::ATTEMPTS {
            if let Some(there) = self.find(&name)? {
                if !there.is_owned_by(ctx) {
                    return Err(errors::bucket_already_exists(&name));
                }
                // The oldest region still says yes to whoever owns the bucket already.
                let same = there.row.region == GLOBAL && region == GLOBAL && tagged.is_empty();
                return if same { Ok(created) } else { Err(errors::bucket_already_owned_by_you(&name)) };
            }
            self.check_quota(owner)?;
            let row = BucketRow {
                number: self.store.stamp(),
                account: owner.to_owned(),
                region: region.clone(),
                created: ctx.now.millis(),
                versioning: if input.object_lock_enabled_for_bucket == Some(true) {
                    Versioning::Enabled
                } else {
                    Versioning::Off
                },
                object_lock: input.object_lock_enabled_for_bucket == Some(true),
            };
            let mut batch = Batch::default();
            batch.absent(BUCKETS.key(&name));
            let written = (|| {
                BUCKETS.put(&mut batch, &name, &row)?;
                let owned = OwnedRow { region: row.region.clone(), created: row.created };
                OWNED.put(&mut batch, &(row.account.clone(), name.clone()), &owned)?;
                let mut put =
                    |kind, bytes: &[u8]| configuration::put(&mut batch, row.number, kind, "", bytes);
                let rules = vec![OwnershipControlsRule { object_ownership: ownership.clone() }];
                put(Kind::Ownership, &configuration::encode(&OwnershipControls { rules }))?;
                put(Kind::PublicAccess, &configuration::encode(&closed()))?;
                if let Some(access) = &access {
                    put(Kind::Acl, &configuration::encode(access))?;
                }
                if !tagged.is_empty() {
                    put(Kind::Tagging, &configuration::encode(&Tagging { tag_set: tagged.clone() }))?;
                }
                Ok(())
            })();
            written.map_err(|why| errors::unreadable(&why))?;
            let committed = self.store.commit(batch).await;
            self.pictures.forget(&name);
            match committed {
                Ok(_) => return Ok(created),
                Err(CommitError::Conflict { .. }) => {}
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }

    fn check_quota(&self, account: &str) -> Result<(), ApiError> {
        let range = OWNED.within(&account.to_owned());
        let snapshot = self.store.snapshot();
        let (mut count, mut rest) = (0, Some(range));
        while let Some(range) = rest {
            let page = snapshot
                .scan(&range, Scan { keys_only: true, ..Scan::default() })
                .map_err(|why| errors::unreadable(&why))?;
            count += page.rows.len();
            rest = page.rest;
        }
        if count < limits::BUCKETS {
            return Ok(());
        }
        Err(errors::other(400, "TooManyBuckets", "You have attempted to create more buckets than allowed"))
    }

    pub(crate) async fn remove_bucket(
        &self,
        ctx: &Context,
        input: DeleteBucketRequest,
    ) -> Result<(), ApiError> {
        for _ in 0..limits::ATTEMPTS {
            let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let mut batch = Batch::default();
            bucket.guard(&mut batch);
            self.empty(&bucket, &mut batch)?;
            BUCKETS.delete(&mut batch, &bucket.name);
            OWNED.delete(&mut batch, &(bucket.row.account.clone(), bucket.name.clone()));
            configuration::remove_all(&mut batch, bucket.row.number);
            crate::why::forget(&mut batch, bucket.row.number);
            let committed = self.store.commit(batch).await;
            self.pictures.forget(&bucket.name);
            match committed {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }

    pub(crate) fn look_at_bucket(
        &self,
        ctx: &Context,
        input: &HeadBucketRequest,
    ) -> Result<HeadBucketOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        Ok(HeadBucketOutput {
            bucket_arn: Some(format!("arn:aws:s3:::{}", bucket.name)),
            bucket_region: Some(bucket.row.region.clone()),
            access_point_alias: Some(false),
            ..HeadBucketOutput::default()
        })
    }

    pub(crate) fn location(
        &self,
        ctx: &Context,
        input: &GetBucketLocationRequest,
    ) -> Result<GetBucketLocationOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let elsewhere = bucket.row.region != GLOBAL;
        Ok(GetBucketLocationOutput { location_constraint: elsewhere.then(|| bucket.row.region.clone()) })
    }

    pub(crate) fn list(
        &self,
        ctx: &Context,
        input: ListBucketsRequest,
    ) -> Result<ListBucketsOutput, ApiError> {
        let max = match input.max_buckets {
            None => limits::LIST_BUCKETS,
            Some(max) => usize::try_from(max)
                .ok()
                .filter(|max| (1..=limits::LIST_BUCKETS).contains(max))
                .ok_or_else(|| {
                    errors::invalid_argument(
                        "Argument max-buckets must be an integer between 1 and 10000",
                        "max-buckets",
                        max.to_string(),
                    )
                })?,
        };
        let account = ctx.account.as_str().to_owned();
        let scope = ["ListBuckets", &account];
        let mut range = OWNED.within(&account);
        if let Some(token) = &input.continuation_token {
            let after = self.pages.open(&scope, token).ok().and_then(|name| String::from_utf8(name).ok());
            let after = after.ok_or_else(|| {
                let words = "The continuation token provided is incorrect";
                errors::invalid_argument(words, "continuation-token", token.clone())
            })?;
            range = KeyRange::new(OWNED.within(&(account.clone(), after)).end, range.end);
        }
        let (prefix, region) = (input.prefix.as_deref().unwrap_or(""), input.bucket_region.as_deref());
        let snapshot = self.store.snapshot();
        let (mut buckets, mut more, mut rest) = (Vec::new(), false, Some(range));
        'pages: while let Some(range) = rest {
            let page =
                OWNED.scan(&*snapshot, &range, Scan::default()).map_err(|why| errors::unreadable(&why))?;
            for ((_, name), owned, _) in page.rows {
                if !name.starts_with(prefix) || region.is_some_and(|region| region != owned.region) {
                    continue;
                }
                if buckets.len() == max {
                    more = true;
                    break 'pages;
                }
                buckets.push(ListedBucket {
                    bucket_arn: Some(format!("arn:aws:s3:::{name}")),
                    name: Some(name),
                    creation_date: Some(moln_kernel::Timestamp(owned.created)),
                    bucket_region: Some(owned.region),
                });
            }
            rest = page.rest;
        }
        let last = buckets.last().and_then(|bucket| bucket.name.clone()).filter(|_| more);
        Ok(ListBucketsOutput {
            continuation_token: last.map(|last| self.pages.seal(&scope, last.as_bytes())),
            buckets: Some(buckets),
            owner: Some(acl::owner(&account)),
            prefix: input.prefix,
        })
    }

    pub(crate) fn versioning(
        &self,
        ctx: &Context,
        input: &GetBucketVersioningRequest,
    ) -> Result<GetBucketVersioningOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let status = match bucket.row.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some("Enabled".to_owned()),
            Versioning::Suspended => Some("Suspended".to_owned()),
        };
        Ok(GetBucketVersioningOutput { status, mfa_delete: None })
    }

    pub(crate) async fn set_versioning(
        &self,
        ctx: &Context,
        input: PutBucketVersioningRequest,
    ) -> Result<(), ApiError> {
        let wanted = input.versioning_configuration;
        let versioning = match wanted.status.as_deref() {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            Some(_) => return Err(errors::malformed_xml()),
            None => {
                return Err(errors::other(
                    400,
                    "IllegalVersioningConfigurationException",
                    "The Versioning element must be specified",
                ));
            }
        };
        if wanted.mfa_delete.as_deref() == Some("Enabled") || input.mfa.is_some() {
            return Err(ApiError::not_implemented("S3", "PutBucketVersioning with MFA delete"));
        }
        for _ in 0..limits::ATTEMPTS {
            let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if versioning == Versioning::Suspended && bucket.row.object_lock {
                return Err(errors::other(
                    409,
                    "InvalidBucketState",
                    "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                ));
            }
            if versioning == Versioning::Suspended && bucket.has(Kind::Replication) {
                return Err(errors::other(
                    409,
                    "InvalidBucketState",
                    "A replication configuration is present on this bucket, so the versioning state cannot be changed.",
                ));
            }
            let mut batch = Batch::default();
            bucket.guard(&mut batch);
            BUCKETS
                .put(&mut batch, &bucket.name, &BucketRow { versioning, ..bucket.row.clone() })
                .map_err(|why| errors::unreadable(&why))?;
            let committed = self.store.commit(batch).await;
            self.pictures.forget(&bucket.name);
            match committed {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(why) => return Err(errors::uncommitted(&why)),
            }
        }
        Err(errors::operation_aborted())
    }
}

/// What every bucket begins with since April 2023: nothing of it can be made public by accident.
fn closed() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        ignore_public_acls: Some(true),
        block_public_policy: Some(true),
        restrict_public_buckets: Some(true),
    }
}

/// Where the bucket will be: the region that was addressed, which the configuration has to name except in the oldest one.
fn region(ctx: &Context, constraint: Option<&str>) -> Result<String, ApiError> {
    let here = ctx.region.as_str();
    let incompatible = |what: &str| {
        errors::illegal_location_constraint(format!(
            "The {what} location constraint is incompatible for the region specific endpoint this request was sent to."
        ))
    };
    match constraint {
        None | Some("") if here == GLOBAL => Ok(GLOBAL.into()),
        None | Some("") => Err(incompatible("unspecified")),
        Some(name) if here != GLOBAL => {
            let is_here = name == here || (name == "EU" && here == "eu-west-1");
            if is_here { Ok(here.to_owned()) } else { Err(incompatible(name)) }
        }
        Some("EU") => Ok("eu-west-1".into()),
        // The oldest region has no name here, and serves all the others.
        Some(GLOBAL | "aws-global") => {
            Err(errors::invalid_location_constraint(constraint.unwrap_or_default()))
        }
        Some(name) => match Region::parse(name).filter(|_| names::is_region(name)) {
            Some(region) => Ok(region.as_str().to_owned()),
            None => Err(errors::invalid_location_constraint(name)),
        },
    }
}
