//! Tags, by the operations of groups and by those of all resources.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Arn, Context, tags};

use super::lookup::group_of_arn;
use crate::{
    LogGroups, errors,
    limits::TAGS,
    live::kept::kind,
    model::{
        ListTagsForResourceResponse, ListTagsLogGroupResponse, TagLogGroupRequest, TagResourceRequest,
        UntagLogGroupRequest, UntagResourceRequest,
    },
};

/// Refuses tags that a resource which has `there` tags beside them cannot be given.
pub(crate) fn check(there: usize, new: &BTreeMap<String, String>) -> Result<(), ApiError> {
    tags::check(new.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map_err(|fault| fault.to_error("InvalidParameterException"))?;
    let sum = there + new.len();
    tags::check_count(sum, TAGS).map_err(|fault| fault.to_error("TooManyTagsException"))
}

/// Adds tags to those there are.
pub(crate) fn add(
    there: &mut BTreeMap<String, String>,
    new: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    check(there.keys().filter(|key| !new.contains_key(*key)).count(), &new)?;
    there.extend(new);
    Ok(())
}

impl LogGroups {
    pub(crate) fn tags_of_group(
        &self,
        ctx: &Context,
        name: &str,
    ) -> Result<ListTagsLogGroupResponse, ApiError> {
        let tags = self.group(ctx, name)?.meta().row.tags.clone();
        Ok(ListTagsLogGroupResponse { tags: Some(tags) })
    }

    pub(crate) async fn tag_group(&self, ctx: &Context, input: TagLogGroupRequest) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, &input.log_group_name)?;
        self.core.change_row(&group, |row| add(&mut row.tags, input.tags)).await
    }

    pub(crate) async fn untag_group(
        &self,
        ctx: &Context,
        input: UntagLogGroupRequest,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        let group = self.group(ctx, &input.log_group_name)?;
        let change = |row: &mut crate::tables::GroupRow| {
            row.tags.retain(|key, _| !input.tags.contains(key));
            Ok(())
        };
        self.core.change_row(&group, change).await
    }

    pub(crate) fn tags_of_resource(
        &self,
        ctx: &Context,
        arn: &str,
    ) -> Result<ListTagsForResourceResponse, ApiError> {
        let tags = match own(ctx, arn)? {
            Tagged::Group(name) => self.group(ctx, &name).map_err(|_| no_resource())?.meta().row.tags.clone(),
            Tagged::Kept(kind, name) => self.core.kept(ctx, kind, &name)?.ok_or_else(no_resource)?.tags,
        };
        Ok(ListTagsForResourceResponse { tags: Some(tags) })
    }

    pub(crate) async fn tag(&self, ctx: &Context, input: TagResourceRequest) -> Result<(), ApiError> {
        self.change_tags(ctx, &input.resource_arn, |tags| add(tags, input.tags)).await
    }

    pub(crate) async fn untag(&self, ctx: &Context, input: UntagResourceRequest) -> Result<(), ApiError> {
        let change = |tags: &mut BTreeMap<String, String>| {
            tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        self.change_tags(ctx, &input.resource_arn, change).await
    }

    async fn change_tags(
        &self,
        ctx: &Context,
        arn: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let _turn = self.core.changing.lock().await;
        match own(ctx, arn)? {
            Tagged::Group(name) => {
                let group = self.group(ctx, &name).map_err(|_| no_resource())?;
                self.core.change_row(&group, |row| change(&mut row.tags)).await
            }
            Tagged::Kept(kind, name) => {
                let mut row = self.core.kept(ctx, kind, &name)?.ok_or_else(no_resource)?;
                change(&mut row.tags)?;
                self.core.keep(ctx, kind, &name, &row).await
            }
        }
    }
}

/// What has tags.
enum Tagged {
    Group(String),
    Kept(&'static str, String),
}

fn no_resource() -> ApiError {
    errors::not_found("The specified resource does not exist.")
}

/// What an ARN of the caller's own means.
fn own(ctx: &Context, text: &str) -> Result<Tagged, ApiError> {
    let arn: Arn = text.parse().map_err(|_| errors::invalid("The specified resource ARN is not valid."))?;
    if arn.account() != ctx.account.as_str() || arn.region() != ctx.region.as_str() {
        return Err(no_resource());
    }
    if let Some(name) = group_of_arn(&arn) {
        return Ok(Tagged::Group(name.to_owned()));
    }
    let (resource, name) = arn.resource().split_once(':').ok_or_else(no_resource)?;
    let kinds = [kind::DESTINATION, kind::DELIVERY_SOURCE, kind::DELIVERY_DESTINATION, kind::DELIVERY];
    let known = kinds.into_iter().find(|kind| *kind == resource && arn.service() == "logs");
    Ok(Tagged::Kept(known.ok_or_else(no_resource)?, name.to_owned()))
}
