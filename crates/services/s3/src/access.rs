//! Whether a caller may do something with a bucket or an object: bucket policy, access lists, and what may never be public.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html>

use std::sync::Arc;

use moln_kernel::{ApiError, Context, Principal};
use moln_policy::{Decision, Keys, Request, Who};

use crate::{
    Buckets, acl, bucket::Bucket, errors, model::AccessControlPolicy, policy::Policy,
    tables::configuration::Kind,
};

/// What somebody wants to do.
pub(crate) struct Asking<'a> {
    /// `s3:GetObject`
    pub(crate) action: &'static str,
    /// The object; `None`: the bucket.
    pub(crate) key: Option<&'a str>,
    /// What a list must give for it, and the list: the object's or the bucket's.
    pub(crate) list: Option<(&'static str, &'a AccessControlPolicy)>,
    /// Condition keys of the operation (`s3:prefix`, `s3:x-amz-acl` …); those of every request are added.
    pub(crate) keys: Keys,
}

impl<'a> Asking<'a> {
    /// For an action on the bucket or an object that no list gives.
    pub(crate) fn new(action: &'static str, key: Option<&'a str>) -> Self {
        Self { action, key, list: None, keys: Keys::default() }
    }

    /// The same, which a list may give, too.
    pub(crate) fn or_by(self, permission: &'static str, list: &'a AccessControlPolicy) -> Self {
        Self { list: Some((permission, list)), ..self }
    }
}

/// Whether the caller owns the bucket and no policy of the bucket has a say: everything is allowed then, and no list needs
/// to be looked at.
pub(crate) fn is_at_home(ctx: &Context, bucket: &Bucket) -> bool {
    bucket.is_owned_by(ctx) && !bucket.has(Kind::Policy)
}

impl Buckets {
    /// Refuses with `AccessDenied` what neither ownership nor policy nor list allows.
    #[allow(clippy::unused_self)] // it reads as what it is: the service permits
    pub(crate) fn permit(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        mut asking: Asking<'_>,
    ) -> Result<(), ApiError> {
        let policy = match bucket.bytes(Kind::Policy) {
            Some(text) => Some(Policy::parse(&String::from_utf8_lossy(text), &bucket.name)?),
            None => None,
        };
        let owner = bucket.is_owned_by(ctx);
        if owner && policy.is_none() {
            return Ok(());
        }
        let block = bucket.public_access_block()?;
        if let Some(policy) = &policy {
            asking.keys.tell(ctx);
            let resource = asking.key.map_or_else(
                || format!("arn:aws:s3:::{}", bucket.name),
                |key| format!("arn:aws:s3:::{}/{key}", bucket.name),
            );
            let arns = moln_policy::arns(ctx);
            let who = Who::calls(ctx, &arns);
            let request =
                Request { who, action: asking.action, resource: Some(&resource), keys: &asking.keys };
            match policy.document().judge(&request) {
                Decision::Deny => return Err(errors::access_denied()),
                // A policy that opens the bucket to everyone counts for its own account alone then.
                Decision::Allow if block.restrict_public_buckets != Some(true) || !policy.is_public() => {
                    return Ok(());
                }
                Decision::Allow | Decision::Silent => {}
            }
        }
        if owner {
            return Ok(());
        }
        if let Some((permission, list)) = asking.list
            && bucket.ownership()? != acl::ENFORCED
        {
            let account = (ctx.principal != Principal::Anonymous).then(|| ctx.account.as_str());
            let ignored = block.ignore_public_acls == Some(true) && acl::is_public(list);
            if !ignored && acl::gives(list, account, permission) {
                return Ok(());
            }
        }
        Err(errors::access_denied())
    }

    /// The bucket of a name, for one who may write the key into it.
    pub(crate) fn bucket_to_write(
        &self,
        ctx: &Context,
        name: &str,
        expected_owner: Option<&str>,
        key: &str,
    ) -> Result<Arc<Bucket>, ApiError> {
        let bucket = self.bucket(name, expected_owner)?;
        self.permit_write(ctx, &bucket, key)?;
        Ok(bucket)
    }

    /// Whether the caller may write the key.
    pub(crate) fn permit_write(&self, ctx: &Context, bucket: &Bucket, key: &str) -> Result<(), ApiError> {
        if is_at_home(ctx, bucket) {
            return Ok(());
        }
        let list = Self::list_of(bucket)?;
        self.permit(ctx, bucket, Asking::new("s3:PutObject", Some(key)).or_by("WRITE", &list))
    }

    /// The bucket's own list.
    pub(crate) fn list_of(bucket: &Bucket) -> Result<AccessControlPolicy, ApiError> {
        Ok(bucket.setting(Kind::Acl)?.unwrap_or_else(|| acl::private(&bucket.row.account)))
    }
}

#[cfg(test)]
mod tests {
    use moln_kernel::{Endpoint, ManualClock, Timestamp};
    use moln_store::MemoryStore;

    use super::*;
    use crate::{
        Ports, acl,
        model::{CreateBucketRequest, PublicAccessBlockConfiguration, PutBucketPolicyRequest},
    };

    fn context(account: &str, principal: Principal) -> Context {
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() });
        Context::internal(account.into(), "us-east-1".into(), principal, endpoint, Timestamp(1_000))
    }

    async fn with_policy(policy: Option<&str>, open: bool) -> (Arc<Buckets>, Arc<Bucket>, Context) {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let dir = tempfile::tempdir().unwrap();
        let blobs = moln_store::blobs::Blobs::open(dir.path()).unwrap();
        let buckets = Buckets::open(MemoryStore::new(), blobs, clock, Ports::default()).unwrap();
        let me = context("000000000000", Principal::Account("000000000000".into()));
        let input = CreateBucketRequest { bucket: "bbb".into(), ..CreateBucketRequest::default() };
        buckets.make_bucket(&me, input).await.unwrap();
        let bucket = buckets.find("bbb").unwrap().unwrap();
        if open {
            let open = PublicAccessBlockConfiguration::default();
            buckets.set(&bucket, Kind::PublicAccess, Some(&open)).await.unwrap();
        }
        if let Some(policy) = policy {
            let input = PutBucketPolicyRequest {
                bucket: "bbb".into(),
                policy: policy.into(),
                ..PutBucketPolicyRequest::default()
            };
            buckets.set_policy(&me, input).await.unwrap();
        }
        let bucket = buckets.find("bbb").unwrap().unwrap();
        (buckets, bucket, me)
    }

    fn read() -> Asking<'static> {
        Asking::new("s3:GetObject", Some("a/b"))
    }

    #[tokio::test]
    async fn strangers_need_a_policy_or_a_list() {
        let (buckets, bucket, me) = with_policy(None, true).await;
        let anonymous = context("000000000000", Principal::Anonymous);
        let other = context("111111111111", Principal::Account("111111111111".into()));
        assert!(buckets.permit(&me, &bucket, read()).is_ok());
        for stranger in [&anonymous, &other] {
            assert_eq!(buckets.permit(stranger, &bucket, read()).unwrap_err().code, "AccessDenied");
        }
        let wish = acl::Wish { canned: Some("public-read"), ..acl::Wish::default() };
        let list = acl::of_bucket(&wish, "000000000000").unwrap().unwrap();
        // Lists are switched off in a new bucket.
        assert!(buckets.permit(&anonymous, &bucket, read().or_by("READ", &list)).is_err());
    }

    #[tokio::test]
    async fn policies_open_and_close() {
        let statement = |effect: &str, action: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"{effect}","Principal":"*","Action":"{action}","Resource":"arn:aws:s3:::bbb/*"}}]}}"#
            )
        };
        let (buckets, bucket, _) = with_policy(Some(&statement("Allow", "s3:Get*")), true).await;
        let anonymous = context("000000000000", Principal::Anonymous);
        assert!(buckets.permit(&anonymous, &bucket, read()).is_ok());
        assert!(buckets.permit(&anonymous, &bucket, Asking::new("s3:PutObject", Some("a"))).is_err());
        let (buckets, bucket, me) = with_policy(Some(&statement("Deny", "s3:GetObject")), true).await;
        assert!(buckets.permit(&me, &bucket, read()).is_err(), "a denial holds for the owner, too");
        assert!(buckets.permit(&me, &bucket, Asking::new("s3:PutObject", Some("a"))).is_ok());
    }

    #[tokio::test]
    async fn what_is_blocked_stays_closed() {
        let (buckets, bucket, me) = with_policy(None, false).await;
        let input = PutBucketPolicyRequest {
            bucket: "bbb".into(),
            policy: r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bbb"}]}"#
                .into(),
            ..PutBucketPolicyRequest::default()
        };
        assert_eq!(buckets.set_policy(&me, input).await.unwrap_err().code, "AccessDenied");
        assert!(!bucket.has(Kind::Policy));
    }
}
