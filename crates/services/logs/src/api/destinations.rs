//! Destinations of subscription filters of other accounts, and resource policies: kept and given back.

use moln_kernel::{ApiError, Arn, Context};
use serde_json::Value;

use super::lookup::{limit, millis, page};
use crate::{
    LogGroups, errors,
    limits::{DESCRIBE_ROWS, POLICY_BYTES, RESOURCE_POLICIES},
    live::{group::arn_head, kept::kind},
    model::{
        DeleteResourcePolicyRequest, DescribeDestinationsRequest, DescribeDestinationsResponse,
        DescribeResourcePoliciesRequest, DescribeResourcePoliciesResponse, Destination,
        PutDestinationPolicyRequest, PutDestinationRequest, PutDestinationResponse, PutResourcePolicyRequest,
        PutResourcePolicyResponse, ResourcePolicy,
    },
    tables::kept::Kept,
};

/// A policy must be a JSON object.
pub(crate) fn check_policy(text: &str) -> Result<(), ApiError> {
    if text.len() > POLICY_BYTES {
        return Err(errors::limit_exceeded());
    }
    let policy: Option<Value> = serde_json::from_str(text).ok();
    if policy.is_some_and(|policy| policy.get("Statement").is_some()) {
        return Ok(());
    }
    Err(errors::invalid("The specified policy document is not a valid policy in JSON."))
}

impl LogGroups {
    pub(crate) async fn keep_destination(
        &self,
        ctx: &Context,
        input: PutDestinationRequest,
    ) -> Result<PutDestinationResponse, ApiError> {
        let target: Arn = input
            .target_arn
            .parse()
            .map_err(|_| errors::invalid("The specified targetArn is not a valid ARN."))?;
        if !matches!(target.service(), "kinesis" | "firehose") {
            return Err(errors::invalid(
                "Could not deliver test message to specified destination. Check if the destination is valid.",
            ));
        }
        let tags = input.tags.unwrap_or_default();
        super::tags::check(0, &tags)?;
        let _turn = self.core.changing.lock().await;
        let now = self.core.clock.now().millis();
        let before = self.core.kept(ctx, kind::DESTINATION, &input.destination_name)?;
        let mut row = before.unwrap_or_else(|| Kept { created: now, tags, ..Kept::default() });
        row.changed = now;
        row.set("targetArn", Some(input.target_arn)).set("roleArn", Some(input.role_arn));
        self.core.keep(ctx, kind::DESTINATION, &input.destination_name, &row).await?;
        Ok(PutDestinationResponse { destination: Some(destination(ctx, &input.destination_name, &row)) })
    }

    pub(crate) async fn keep_destination_policy(
        &self,
        ctx: &Context,
        input: PutDestinationPolicyRequest,
    ) -> Result<(), ApiError> {
        check_policy(&input.access_policy)?;
        let _turn = self.core.changing.lock().await;
        let found = self.core.kept(ctx, kind::DESTINATION, &input.destination_name)?;
        let mut row = found.ok_or_else(no_destination)?;
        row.set("accessPolicy", Some(input.access_policy));
        self.core.keep(ctx, kind::DESTINATION, &input.destination_name, &row).await
    }

    pub(crate) async fn forget_destination(&self, ctx: &Context, name: &str) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let there = self.core.forget(ctx, kind::DESTINATION, name).await?;
        if there { Ok(()) } else { Err(no_destination()) }
    }

    pub(crate) fn list_destinations(
        &self,
        ctx: &Context,
        input: &DescribeDestinationsRequest,
    ) -> Result<DescribeDestinationsResponse, ApiError> {
        let prefix = input.destination_name_prefix.as_deref().unwrap_or_default();
        let scope = ["DescribeDestinations", ctx.account.as_str(), ctx.region.as_str(), prefix];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let mut rows = self.core.all_kept(ctx, kind::DESTINATION, prefix)?;
        rows.retain(|(name, _)| after.as_ref().is_none_or(|after| name > after));
        let (rows, last) = page(rows, limit(input.limit, DESCRIBE_ROWS));
        let destinations = rows.iter().map(|(name, row)| destination(ctx, name, row)).collect();
        let next_token = last.map(|name| self.core.pagination.seal(&scope, name.as_bytes()));
        Ok(DescribeDestinationsResponse { destinations: Some(destinations), next_token })
    }

    pub(crate) async fn keep_resource_policy(
        &self,
        ctx: &Context,
        input: PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, ApiError> {
        let document =
            input.policy_document.ok_or_else(|| errors::invalid("Policy document must be provided."))?;
        check_policy(&document)?;
        // A policy of one resource is found by the resource.
        let name = self.policy_key(ctx, input.policy_name.as_deref(), input.resource_arn.as_deref())?;
        let _turn = self.core.changing.lock().await;
        let before = self.core.kept(ctx, kind::RESOURCE_POLICY, &name)?;
        check_revision(
            before.as_ref(),
            input.expected_revision_id.as_deref(),
            input.resource_arn.as_deref(),
        )?;
        if before.is_none()
            && input.resource_arn.is_none()
            && self.account_policies(ctx)? >= RESOURCE_POLICIES
        {
            return Err(errors::limit_exceeded());
        }
        let now = self.core.clock.now().millis();
        let mut row = before.unwrap_or_else(|| Kept { created: now, ..Kept::default() });
        row.changed = now;
        row.set("policyDocument", Some(document))
            .set("policyName", input.policy_name)
            .set("resourceArn", input.resource_arn.clone());
        let revision = input.resource_arn.map(|_| moln_kernel::ids::hex_id("", 32));
        row.set("revisionId", revision.clone());
        self.core.keep(ctx, kind::RESOURCE_POLICY, &name, &row).await?;
        Ok(PutResourcePolicyResponse { resource_policy: Some(resource_policy(&row)), revision_id: revision })
    }

    fn account_policies(&self, ctx: &Context) -> Result<usize, ApiError> {
        let all = self.core.all_kept(ctx, kind::RESOURCE_POLICY, "")?;
        Ok(all.iter().filter(|(_, row)| row.text("resourceArn").is_none()).count())
    }

    fn policy_key(
        &self,
        ctx: &Context,
        name: Option<&str>,
        resource: Option<&str>,
    ) -> Result<String, ApiError> {
        match (name, resource) {
            (_, Some(arn)) => {
                self.group_of(ctx, arn)?;
                Ok(arn.trim_end_matches(":*").to_owned())
            }
            (Some(name), None) => Ok(name.to_owned()),
            (None, None) => Err(errors::invalid("Policy name must be provided.")),
        }
    }

    pub(crate) async fn forget_resource_policy(
        &self,
        ctx: &Context,
        input: DeleteResourcePolicyRequest,
    ) -> Result<(), ApiError> {
        let name = self.policy_key(ctx, input.policy_name.as_deref(), input.resource_arn.as_deref())?;
        let _turn = self.core.changing.lock().await;
        let before = self.core.kept(ctx, kind::RESOURCE_POLICY, &name)?;
        if before.is_none() {
            return Err(errors::not_found("Policy with name [".to_owned() + &name + "] does not exist."));
        }
        check_revision(
            before.as_ref(),
            input.expected_revision_id.as_deref(),
            input.resource_arn.as_deref(),
        )?;
        self.core.forget(ctx, kind::RESOURCE_POLICY, &name).await.map(drop)
    }

    pub(crate) fn list_resource_policies(
        &self,
        ctx: &Context,
        input: &DescribeResourcePoliciesRequest,
    ) -> Result<DescribeResourcePoliciesResponse, ApiError> {
        let resource = input.resource_arn.as_deref().map(|arn| arn.trim_end_matches(":*"));
        let of_resources = input.policy_scope.as_deref() == Some("RESOURCE") || resource.is_some();
        let kind_of = if of_resources { "RESOURCE" } else { "ACCOUNT" };
        let scope = [
            "DescribeResourcePolicies",
            ctx.account.as_str(),
            ctx.region.as_str(),
            kind_of,
            resource.unwrap_or_default(),
        ];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let mut rows = self.core.all_kept(ctx, kind::RESOURCE_POLICY, "")?;
        rows.retain(|(name, row)| {
            row.text("resourceArn").is_some() == of_resources
                && resource.is_none_or(|resource| name == resource)
                && after.as_ref().is_none_or(|after| name > after)
        });
        let (rows, last) = page(rows, limit(input.limit, DESCRIBE_ROWS));
        let policies = rows.iter().map(|(_, row)| resource_policy(row)).collect();
        let next_token = last.map(|name| self.core.pagination.seal(&scope, name.as_bytes()));
        Ok(DescribeResourcePoliciesResponse { resource_policies: Some(policies), next_token })
    }
}

fn check_revision(
    before: Option<&Kept>,
    expected: Option<&str>,
    resource: Option<&str>,
) -> Result<(), ApiError> {
    let Some(expected) = expected else { return Ok(()) };
    if resource.is_none() {
        return Err(errors::invalid("expectedRevisionId can be used with resourceArn only."));
    }
    if before.and_then(|row| row.text("revisionId")).as_deref() == Some(expected) {
        return Ok(());
    }
    Err(errors::invalid("The expected revision ID does not match the policy's current revision."))
}

fn no_destination() -> ApiError {
    errors::not_found("The specified destination does not exist.")
}

fn destination(ctx: &Context, name: &str, row: &Kept) -> Destination {
    let head = arn_head(ctx.region.as_str(), ctx.account.as_str());
    Destination {
        destination_name: Some(name.to_owned()),
        target_arn: row.text("targetArn"),
        role_arn: row.text("roleArn"),
        access_policy: row.text("accessPolicy"),
        arn: Some(format!("{head}:destination:{name}")),
        creation_time: Some(millis(row.created)),
    }
}

fn resource_policy(row: &Kept) -> ResourcePolicy {
    let resource = row.text("resourceArn");
    let scope = if resource.is_some() { "RESOURCE" } else { "ACCOUNT" };
    ResourcePolicy {
        policy_name: row.text("policyName"),
        policy_document: row.text("policyDocument"),
        last_updated_time: Some(millis(row.changed)),
        policy_scope: Some(scope.to_owned()),
        resource_arn: resource,
        revision_id: row.text("revisionId"),
    }
}
