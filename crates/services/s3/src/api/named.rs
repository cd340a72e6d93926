//! Configurations of which a bucket has many, by name: analytics, intelligent tiering, inventory, metrics. Kept and given
//! back; nothing is counted or tiered by them.

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use crate::{
    Buckets, errors, limits,
    model::{
        AnalyticsConfiguration, IntelligentTieringConfiguration, InventoryConfiguration, MetricsConfiguration,
    },
    tables::configuration::{self, Kind},
};

/// A configuration that has a name.
pub(crate) trait Named: Shape + Send + Sync {
    /// Under what it is kept.
    const KIND: Kind;
    /// Its name in the document.
    fn id(&self) -> &str;
    /// Refuses what is none.
    fn check(&self) -> Result<(), ApiError> {
        Ok(())
    }
}

impl Named for AnalyticsConfiguration {
    const KIND: Kind = Kind::Analytics;
    fn id(&self) -> &str {
        &self.id
    }
}

impl Named for MetricsConfiguration {
    const KIND: Kind = Kind::Metrics;
    fn id(&self) -> &str {
        &self.id
    }
}

impl Named for IntelligentTieringConfiguration {
    const KIND: Kind = Kind::IntelligentTiering;
    fn id(&self) -> &str {
        &self.id
    }
    fn check(&self) -> Result<(), ApiError> {
        let known = |tier: &str| matches!(tier, "ARCHIVE_ACCESS" | "DEEP_ARCHIVE_ACCESS");
        let good = matches!(self.status.as_str(), "Enabled" | "Disabled")
            && !self.tierings.is_empty()
            && self.tierings.iter().all(|tiering| known(&tiering.access_tier));
        if good { Ok(()) } else { Err(errors::malformed_xml()) }
    }
}

impl Named for InventoryConfiguration {
    const KIND: Kind = Kind::Inventory;
    fn id(&self) -> &str {
        &self.id
    }
    fn check(&self) -> Result<(), ApiError> {
        const FIELDS: [&str; 15] = [
            "Size",
            "LastModifiedDate",
            "StorageClass",
            "ETag",
            "IsMultipartUploaded",
            "ReplicationStatus",
            "EncryptionStatus",
            "ObjectLockRetainUntilDate",
            "ObjectLockMode",
            "ObjectLockLegalHoldStatus",
            "IntelligentTieringAccessTier",
            "BucketKeyStatus",
            "ChecksumAlgorithm",
            "ObjectAccessControlList",
            "ObjectOwner",
        ];
        let to = &self.destination.s3_bucket_destination;
        let good = matches!(to.format.as_str(), "CSV" | "ORC" | "Parquet")
            && matches!(self.schedule.frequency.as_str(), "Daily" | "Weekly")
            && matches!(self.included_object_versions.as_str(), "All" | "Current")
            && self.optional_fields.iter().flatten().all(|field| FIELDS.contains(&field.as_str()));
        if !good {
            return Err(errors::malformed_xml());
        }
        if !to.bucket.starts_with("arn:aws:s3:::") {
            return Err(errors::other(400, "InvalidS3DestinationBucket", "Invalid bucket ARN."));
        }
        Ok(())
    }
}

/// A page of them.
pub(crate) struct Page<T> {
    pub(crate) found: Vec<T>,
    pub(crate) next: Option<String>,
}

impl Buckets {
    pub(crate) async fn set_named<T: Named>(
        &self,
        ctx: &Context,
        (bucket, owner): (&str, Option<&str>),
        id: &str,
        set: &T,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, bucket, owner)?;
        if set.id() != id {
            return Err(errors::other(
                400,
                "IdMismatch",
                "Document ID does not match the specified configuration ID.",
            ));
        }
        if id.is_empty() || id.len() > 64 {
            return Err(errors::malformed_xml());
        }
        set.check()?;
        let (snapshot, number) = (self.store.snapshot(), bucket.row.number);
        let unreadable = |why| errors::unreadable(&why);
        let there = configuration::get(&*snapshot, number, T::KIND, id).map_err(unreadable)?.is_some();
        if !there {
            let all = configuration::list(&*snapshot, number, T::KIND, None, limits::NAMED_CONFIGURATIONS);
            if all.map_err(unreadable)?.len() >= limits::NAMED_CONFIGURATIONS {
                return Err(errors::other(
                    400,
                    "TooManyConfigurations",
                    "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.",
                ));
            }
        }
        self.set_bytes(&bucket, T::KIND, id, Some(configuration::encode(set))).await
    }

    pub(crate) fn named<T: Named>(
        &self,
        ctx: &Context,
        (bucket, owner): (&str, Option<&str>),
        id: &str,
    ) -> Result<Option<T>, ApiError> {
        let bucket = self.own_bucket(ctx, bucket, owner)?;
        let unreadable = |why| errors::unreadable(&why);
        let bytes = configuration::get(&*self.store.snapshot(), bucket.row.number, T::KIND, id);
        let bytes = bytes.map_err(unreadable)?.ok_or_else(errors::no_such_configuration)?;
        configuration::decode(&bytes).map(Some).map_err(unreadable)
    }

    pub(crate) async fn remove_named<T: Named>(
        &self,
        ctx: &Context,
        (bucket, owner): (&str, Option<&str>),
        id: &str,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, bucket, owner)?;
        let there = configuration::get(&*self.store.snapshot(), bucket.row.number, T::KIND, id);
        there.map_err(|why| errors::unreadable(&why))?.ok_or_else(errors::no_such_configuration)?;
        self.set_bytes(&bucket, T::KIND, id, None).await
    }

    /// In the order of their names.
    pub(crate) fn all_named<T: Named>(
        &self,
        ctx: &Context,
        (bucket, owner): (&str, Option<&str>),
        token: Option<&str>,
    ) -> Result<Page<T>, ApiError> {
        let bucket = self.own_bucket(ctx, bucket, owner)?;
        let kind = (T::KIND as u8).to_string();
        let scope = ["named", bucket.name.as_str(), kind.as_str()];
        let after = token.map(|token| {
            let name = self.pages.open(&scope, token).ok().and_then(|name| String::from_utf8(name).ok());
            name.ok_or_else(|| {
                let words = "The continuation token provided is incorrect";
                errors::invalid_argument(words, "continuation-token", token)
            })
        });
        let after = after.transpose()?;
        let (max, unreadable) = (limits::NAMED_CONFIGURATIONS_PAGE, |why| errors::unreadable(&why));
        let snapshot = self.store.snapshot();
        let mut stored =
            configuration::list(&*snapshot, bucket.row.number, T::KIND, after.as_deref(), max + 1)
                .map_err(unreadable)?;
        let more = stored.len() > max;
        stored.truncate(max);
        let next = stored.last().filter(|_| more).map(|last| self.pages.seal(&scope, last.name.as_bytes()));
        let found = stored.iter().map(|stored| configuration::decode(&stored.content));
        Ok(Page { found: found.collect::<Result<_, _>>().map_err(unreadable)?, next })
    }
}
