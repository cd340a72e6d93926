//! Who may do what with a bucket: its list, its policy, who owns objects in it, what may never be public.

use moln_kernel::{ApiError, Context};

use crate::{
    Buckets, acl,
    bucket::Bucket,
    errors, limits,
    model::{
        AccessControlPolicy, DeleteBucketOwnershipControlsRequest, DeleteBucketPolicyRequest,
        DeletePublicAccessBlockRequest, GetBucketAclOutput, GetBucketAclRequest,
        GetBucketOwnershipControlsOutput, GetBucketOwnershipControlsRequest, GetBucketPolicyOutput,
        GetBucketPolicyRequest, GetBucketPolicyStatusOutput, GetBucketPolicyStatusRequest,
        GetPublicAccessBlockOutput, GetPublicAccessBlockRequest, OwnershipControls, PolicyStatus,
        PublicAccessBlockConfiguration, PutBucketAclRequest, PutBucketOwnershipControlsRequest,
        PutBucketPolicyRequest, PutPublicAccessBlockRequest,
    },
    policy,
    tables::configuration::Kind,
};

impl Bucket {
    /// What may never be public; nothing is forbidden when nothing is set.
    pub(crate) fn public_access_block(&self) -> Result<PublicAccessBlockConfiguration, ApiError> {
        Ok(self.setting(Kind::PublicAccess)?.unwrap_or_default())
    }

    /// The rule of ownership.
    pub(crate) fn ownership(&self) -> Result<&str, ApiError> {
        if let Some(rule) = self.rule.get() {
            return Ok(rule);
        }
        let set: Option<OwnershipControls> = self.setting(Kind::Ownership)?;
        let rule = set.and_then(|set| set.rules.into_iter().next());
        // A bucket without a rule is one from before there were rules.
        let rule = rule.map_or_else(|| "ObjectWriter".to_owned(), |rule| rule.object_ownership);
        Ok(self.rule.get_or_init(|| rule))
    }

    /// Refuses to set a list where lists are switched off, and a public one where that is forbidden.
    pub(crate) fn check_acl(&self, policy: &AccessControlPolicy) -> Result<(), ApiError> {
        if self.ownership()? == acl::ENFORCED {
            return Err(errors::other(
                400,
                "AccessControlListNotSupported",
                "The bucket does not allow ACLs",
            ));
        }
        if acl::is_public(policy) && self.public_access_block()?.block_public_acls == Some(true) {
            return Err(errors::access_denied());
        }
        Ok(())
    }
}

impl Buckets {
    pub(crate) async fn set_bucket_acl(
        &self,
        ctx: &Context,
        input: PutBucketAclRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let wish = acl::Wish {
            canned: input.acl.as_deref(),
            full_control: input.grant_full_control.as_deref(),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write: input.grant_write.as_deref(),
            write_acp: input.grant_write_acp.as_deref(),
        };
        let owner = bucket.row.account.as_str();
        let policy = acl::asked(&wish, input.access_control_policy, owner, owner, false)?;
        // The one list that changes nothing is taken even where lists are switched off.
        if policy != acl::private(owner) {
            bucket.check_acl(&policy)?;
        }
        self.set(&bucket, Kind::Acl, Some(&policy)).await
    }

    pub(crate) fn bucket_acl(
        &self,
        ctx: &Context,
        input: &GetBucketAclRequest,
    ) -> Result<GetBucketAclOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let policy: AccessControlPolicy =
            bucket.setting(Kind::Acl)?.unwrap_or_else(|| acl::private(&bucket.row.account));
        Ok(GetBucketAclOutput { owner: policy.owner, grants: policy.grants })
    }

    pub(crate) async fn set_policy(
        &self,
        ctx: &Context,
        input: PutBucketPolicyRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if input.policy.len() > limits::POLICY {
            return Err(policy::malformed("Policy exceeds the maximum allowed document size."));
        }
        let read = policy::Policy::parse(&input.policy, &bucket.name)?;
        if read.is_public() && bucket.public_access_block()?.block_public_policy == Some(true) {
            return Err(errors::access_denied());
        }
        self.set_bytes(&bucket, Kind::Policy, "", Some(input.policy.into())).await
    }

    pub(crate) fn policy(
        &self,
        ctx: &Context,
        input: &GetBucketPolicyRequest,
    ) -> Result<GetBucketPolicyOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        Ok(GetBucketPolicyOutput { policy: Some(policy_text(&bucket)?) })
    }

    pub(crate) fn policy_status(
        &self,
        ctx: &Context,
        input: &GetBucketPolicyStatusRequest,
    ) -> Result<GetBucketPolicyStatusOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let is_public = policy::Policy::parse(&policy_text(&bucket)?, &bucket.name)?.is_public();
        Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(is_public) }) })
    }

    pub(crate) async fn remove_policy(
        &self,
        ctx: &Context,
        input: DeleteBucketPolicyRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Policy, "", None).await
    }

    pub(crate) async fn set_public_access_block(
        &self,
        ctx: &Context,
        input: PutPublicAccessBlockRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let mut set = input.public_access_block_configuration;
        for rule in [
            &mut set.block_public_acls,
            &mut set.ignore_public_acls,
            &mut set.block_public_policy,
            &mut set.restrict_public_buckets,
        ] {
            rule.get_or_insert(false);
        }
        self.set(&bucket, Kind::PublicAccess, Some(&set)).await
    }

    pub(crate) fn public_access_block(
        &self,
        ctx: &Context,
        input: &GetPublicAccessBlockRequest,
    ) -> Result<GetPublicAccessBlockOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set = bucket.setting(Kind::PublicAccess)?.ok_or_else(|| {
            errors::absent(
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
                &bucket.name,
            )
        })?;
        Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(set) })
    }

    pub(crate) async fn remove_public_access_block(
        &self,
        ctx: &Context,
        input: DeletePublicAccessBlockRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::PublicAccess, "", None).await
    }

    pub(crate) async fn set_ownership(
        &self,
        ctx: &Context,
        input: PutBucketOwnershipControlsRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let [rule] = input.ownership_controls.rules.as_slice() else { return Err(errors::malformed_xml()) };
        if !acl::OWNERSHIPS.contains(&rule.object_ownership.as_str()) {
            return Err(errors::malformed_xml());
        }
        // Lists can only be switched off when they give nobody else anything.
        let list: Option<AccessControlPolicy> = bucket.setting(Kind::Acl)?;
        if rule.object_ownership == acl::ENFORCED
            && list.is_some_and(|list| list != acl::private(&bucket.row.account))
        {
            return Err(errors::other(
                400,
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ));
        }
        self.set(&bucket, Kind::Ownership, Some(&input.ownership_controls)).await
    }

    pub(crate) fn ownership(
        &self,
        ctx: &Context,
        input: &GetBucketOwnershipControlsRequest,
    ) -> Result<GetBucketOwnershipControlsOutput, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let set = bucket.setting(Kind::Ownership)?.ok_or_else(|| {
            errors::absent(
                "OwnershipControlsNotFoundError",
                "The bucket ownership controls were not found",
                &bucket.name,
            )
        })?;
        Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(set) })
    }

    pub(crate) async fn remove_ownership(
        &self,
        ctx: &Context,
        input: DeleteBucketOwnershipControlsRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        self.set_bytes(&bucket, Kind::Ownership, "", None).await
    }
}

fn policy_text(bucket: &Bucket) -> Result<String, ApiError> {
    let absent = || errors::absent("NoSuchBucketPolicy", "The bucket policy does not exist", &bucket.name);
    let bytes = bucket.bytes(Kind::Policy).ok_or_else(absent)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
