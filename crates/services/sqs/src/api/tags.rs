//! A queue's tags.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context};

use crate::{
    Queues, errors,
    limits::{TAG_CHARS, TAGS},
    model::{ListQueueTagsRequest, ListQueueTagsResult, TagQueueRequest, UntagQueueRequest},
};

/// Refuses tags that a queue which has `there` cannot be given.
pub(crate) fn check(
    there: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let (key_chars, value_chars) = TAG_CHARS;
    for (key, value) in new {
        if key.is_empty() || key.chars().count() > key_chars {
            return Err(errors::invalid_parameter(format!(
                "Tag keys must be between 1 and {key_chars} characters in length."
            )));
        }
        if value.chars().count() > value_chars {
            return Err(errors::invalid_parameter(format!(
                "Tag values must be between 0 and {value_chars} characters in length."
            )));
        }
        let reserved = |text: &str| text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:"));
        if reserved(key) || reserved(value) {
            return Err(errors::invalid_parameter("Tags starting with 'aws:' are reserved for system use."));
        }
        let good = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
        if !key.chars().all(good) || !value.chars().all(good) {
            return Err(errors::invalid_parameter(
                "Tag keys and values can only contain Unicode letters, digits, whitespace, or _.:/=+-@",
            ));
        }
    }
    if there.len() + new.keys().filter(|key| !there.contains_key(*key)).count() > TAGS {
        return Err(errors::invalid_parameter(format!(
            "Too many tags added for queue. At most {TAGS} are allowed."
        )));
    }
    Ok(())
}

impl Queues {
    pub(crate) async fn tag(&self, ctx: &Context, input: TagQueueRequest) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "TagQueue")?;
        if input.tags.is_empty() {
            return Err(errors::missing_parameter("Tags"));
        }
        self.change_row(&queue, |row| {
            check(&row.tags, &input.tags)?;
            row.tags.extend(input.tags);
            Ok(())
        })
        .await
    }

    pub(crate) async fn untag(&self, ctx: &Context, input: UntagQueueRequest) -> Result<(), ApiError> {
        let queue = self.queue(ctx, &input.queue_url, "UntagQueue")?;
        if input.tag_keys.is_empty() {
            return Err(errors::invalid_parameter("Tag keys can't be empty."));
        }
        self.change_row(&queue, |row| {
            row.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        })
        .await
    }

    pub(crate) fn list_tags(
        &self,
        ctx: &Context,
        input: &ListQueueTagsRequest,
    ) -> Result<ListQueueTagsResult, ApiError> {
        let tags = self.queue(ctx, &input.queue_url, "ListQueueTags")?.meta().row.tags.clone();
        Ok(ListQueueTagsResult { tags: (!tags.is_empty()).then_some(tags) })
    }
}
