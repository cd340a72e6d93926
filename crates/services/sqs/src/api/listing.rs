//! Listing queues, page by page.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};

use super::address::url;
use crate::{
    Queues, errors,
    limits::LIST_RESULTS,
    live::Queue,
    model::{
        ListDeadLetterSourceQueuesRequest, ListDeadLetterSourceQueuesResult, ListQueuesRequest,
        ListQueuesResult,
    },
};

struct Page {
    urls: Vec<String>,
    next: Option<String>,
}

impl Queues {
    pub(crate) fn list(
        &self,
        ctx: &Context,
        input: &ListQueuesRequest,
    ) -> Result<ListQueuesResult, ApiError> {
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        let queues = self.core.list(ctx.account.as_str(), ctx.region.as_str(), prefix);
        let page =
            self.page(ctx, "ListQueues", prefix, &queues, input.max_results, input.next_token.as_deref())?;
        Ok(ListQueuesResult {
            queue_urls: (!page.urls.is_empty()).then_some(page.urls),
            next_token: page.next,
        })
    }

    pub(crate) fn list_sources(
        &self,
        ctx: &Context,
        input: &ListDeadLetterSourceQueuesRequest,
    ) -> Result<ListDeadLetterSourceQueuesResult, ApiError> {
        let target = self.queue(ctx, &input.queue_url, "ListDeadLetterSourceQueues")?;
        let sources = self.sources(&target);
        let scope = "ListDeadLetterSourceQueues";
        let page =
            self.page(ctx, scope, &target.arn, &sources, input.max_results, input.next_token.as_deref())?;
        Ok(ListDeadLetterSourceQueuesResult { queue_urls: page.urls, next_token: page.next })
    }

    /// The queues whose dead letters go to this one.
    pub(crate) fn sources(&self, target: &Queue) -> Vec<Arc<Queue>> {
        let mut queues = self.core.list(&target.address.account, &target.address.region, "");
        queues.retain(|queue| {
            queue.meta().settings.redrive.as_ref().is_some_and(|redrive| *redrive.target_arn == *target.arn)
        });
        queues
    }

    fn page(
        &self,
        ctx: &Context,
        operation: &str,
        filter: &str,
        queues: &[Arc<Queue>],
        max: Option<i32>,
        token: Option<&str>,
    ) -> Result<Page, ApiError> {
        if let Some(max) = max.filter(|max| !(1..=LIST_RESULTS).contains(max)) {
            return Err(errors::invalid_value(
                max,
                "MaxResults",
                "MaxResults must be an integer between 1 and 1000, if provided.",
            ));
        }
        let scope = [operation, ctx.account.as_str(), ctx.region.as_str(), filter];
        let after = match token {
            Some(token) => self
                .core
                .pagination
                .open(&scope, token)
                .map_err(|_| errors::invalid_parameter("Invalid or expired next token."))?,
            None => Vec::new(),
        };
        let limit = usize::try_from(max.unwrap_or(LIST_RESULTS)).unwrap_or(1);
        let mut behind =
            queues.iter().filter(|queue| queue.address.name.as_bytes() > after.as_slice()).peekable();
        let shown: Vec<_> = behind.by_ref().take(limit).collect();
        // Without MaxResults the answer is cut at a thousand and says no more, as it always was.
        let more = max.is_some() && behind.peek().is_some();
        let next = shown
            .last()
            .filter(|_| more)
            .map(|last| self.core.pagination.seal(&scope, last.address.name.as_bytes()));
        Ok(Page { urls: shown.iter().map(|queue| url(ctx, &queue.address)).collect(), next })
    }
}
