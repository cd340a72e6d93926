//! What there is: stacks, their events, resources, exports, policies.

use moln_kernel::{ApiError, Context, Timestamp};

use super::shapes;
use crate::{
    Stacks, core,
    errors::validation,
    limits,
    model::{
        AccountLimit, DescribeAccountLimitsOutput, DescribeStackEventsInput, DescribeStackEventsOutput,
        DescribeStackResourceInput, DescribeStackResourceOutput, DescribeStackResourcesInput,
        DescribeStackResourcesOutput, DescribeStacksInput, DescribeStacksOutput, Export,
        GetStackPolicyOutput, ListExportsInput, ListExportsOutput, ListImportsInput, ListImportsOutput,
        ListStackResourcesInput, ListStackResourcesOutput, ListStacksInput, ListStacksOutput,
        SignalResourceInput,
    },
    own::signals,
    tables::{EXPORTS, IMPORTS},
};

impl Stacks {
    pub(super) fn describe(
        &self,
        ctx: &Context,
        input: &DescribeStacksInput,
    ) -> Result<DescribeStacksOutput, ApiError> {
        if let Some(name) = input.stack_name.as_deref().filter(|name| !name.is_empty()) {
            let stack = self.stack(ctx, name)?;
            return Ok(DescribeStacksOutput { stacks: Some(vec![shapes::stack(&stack)]), next_token: None });
        }
        let mut stacks = self.all_stacks(ctx)?;
        stacks.retain(|stack| stack.status != "DELETE_COMPLETE");
        let scope = ["DescribeStacks", ctx.account.as_str(), ctx.region.as_str()];
        let (page, next_token) = self.page(stacks, &scope, input.next_token.as_deref(), limits::PAGE)?;
        Ok(DescribeStacksOutput { stacks: Some(page.iter().map(shapes::stack).collect()), next_token })
    }

    pub(super) fn list(&self, ctx: &Context, input: &ListStacksInput) -> Result<ListStacksOutput, ApiError> {
        let filter = input.stack_status_filter.clone().unwrap_or_default();
        let now = self.clock.now();
        let mut stacks = self.all_stacks(ctx)?;
        stacks.retain(|stack| {
            let kept = stack.status != "DELETE_COMPLETE"
                || stack.deleted.is_none_or(|at| now.since(Timestamp(at)) <= limits::DELETED_KEPT);
            kept && (filter.is_empty() || filter.contains(&stack.status))
        });
        let filter = filter.join(",");
        let scope = ["ListStacks", ctx.account.as_str(), ctx.region.as_str(), &filter];
        let (page, next_token) = self.page(stacks, &scope, input.next_token.as_deref(), limits::PAGE)?;
        Ok(ListStacksOutput { stack_summaries: Some(page.iter().map(shapes::summary).collect()), next_token })
    }

    pub(super) fn describe_events(
        &self,
        ctx: &Context,
        input: &DescribeStackEventsInput,
    ) -> Result<DescribeStackEventsOutput, ApiError> {
        let missing = || validation(format!("Stack [{}] does not exist", input.stack_name));
        let stack = core::find(&*self.store.snapshot(), ctx, &input.stack_name)?.ok_or_else(missing)?;
        let (events, next_token) = self.events(&stack.uid, input.next_token.as_deref())?;
        Ok(DescribeStackEventsOutput {
            stack_events: Some(events.into_iter().map(|row| shapes::event(&stack, row)).collect()),
            next_token,
        })
    }

    pub(super) fn describe_resource(
        &self,
        ctx: &Context,
        input: &DescribeStackResourceInput,
    ) -> Result<DescribeStackResourceOutput, ApiError> {
        let missing = |_| validation(format!("Stack '{}' does not exist", input.stack_name));
        let stack = self.stack(ctx, &input.stack_name).map_err(missing)?;
        let rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        let found = rows
            .iter()
            .find(|row| row.logical_id == input.logical_resource_id && shapes::is_listed(row))
            .filter(|row| row.status != "DELETE_COMPLETE" || stack.status == "DELETE_COMPLETE");
        let found = found.ok_or_else(|| {
            validation(format!(
                "Resource {} does not exist for stack {}",
                input.logical_resource_id, stack.name
            ))
        })?;
        Ok(DescribeStackResourceOutput { stack_resource_detail: Some(shapes::detail(&stack, found)) })
    }

    pub(super) fn describe_resources(
        &self,
        ctx: &Context,
        input: &DescribeStackResourcesInput,
    ) -> Result<DescribeStackResourcesOutput, ApiError> {
        let stack = match (&input.stack_name, &input.physical_resource_id) {
            (Some(_), Some(_)) | (None, None) => {
                return Err(validation(
                    "Either stack name or physical resource id must be specified, and not both.",
                ));
            }
            (Some(name), None) => self.stack(ctx, name)?,
            (None, Some(id)) => {
                let mut found = None;
                for stack in
                    self.all_stacks(ctx)?.into_iter().filter(|stack| stack.status != "DELETE_COMPLETE")
                {
                    let rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
                    if rows.iter().any(|row| row.physical_id == *id && row.status != "DELETE_COMPLETE") {
                        found = Some(stack);
                        break;
                    }
                }
                found.ok_or_else(|| validation(format!("Stack for {id} does not exist")))?
            }
        };
        let mut rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        rows.retain(|row| {
            shapes::is_listed(row)
                && input.logical_resource_id.as_ref().is_none_or(|logical| *logical == row.logical_id)
        });
        if rows.is_empty()
            && let Some(logical) = &input.logical_resource_id
        {
            return Err(validation(format!("Resource {logical} does not exist for stack {}", stack.name)));
        }
        rows.truncate(limits::PAGE);
        let rows = rows.iter().map(|row| shapes::resource(&stack, row)).collect();
        Ok(DescribeStackResourcesOutput { stack_resources: Some(rows) })
    }

    pub(super) fn list_resources(
        &self,
        ctx: &Context,
        input: &ListStackResourcesInput,
    ) -> Result<ListStackResourcesOutput, ApiError> {
        let stack = self.stack(ctx, &input.stack_name)?;
        let mut rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        rows.retain(shapes::is_listed);
        let scope = ["ListStackResources", stack.uid.as_str()];
        let (page, next_token) = self.page(rows, &scope, input.next_token.as_deref(), limits::PAGE)?;
        Ok(ListStackResourcesOutput {
            stack_resource_summaries: Some(page.iter().map(shapes::resource_summary).collect()),
            next_token,
        })
    }

    pub(super) fn exported(
        &self,
        ctx: &Context,
        input: &ListExportsInput,
    ) -> Result<ListExportsOutput, ApiError> {
        let place = [ctx.account.as_str(), ctx.region.as_str()];
        let rows = EXPORTS.all(&*self.store.snapshot(), &place)?;
        let scope = ["ListExports", place[0], place[1]];
        let (page, next_token) = self.page(rows, &scope, input.next_token.as_deref(), limits::PAGE)?;
        let shown = page.into_iter().map(|row| Export {
            exporting_stack_id: Some(row.stack_id),
            name: Some(row.name),
            value: Some(row.value),
        });
        Ok(ListExportsOutput { exports: Some(shown.collect()), next_token })
    }

    pub(super) fn imported(
        &self,
        ctx: &Context,
        input: &ListImportsInput,
    ) -> Result<ListImportsOutput, ApiError> {
        let place = [ctx.account.as_str(), ctx.region.as_str()];
        let snapshot = self.store.snapshot();
        let name = &input.export_name;
        let there = EXPORTS.get(&*snapshot, &[place[0], place[1], name])?;
        let users = IMPORTS.all(&*snapshot, &[place[0], place[1], name])?;
        if there.is_none() || users.is_empty() {
            return Err(validation(format!("Export '{name}' is not imported by any stack.")));
        }
        let users: Vec<String> = users.into_iter().map(|row| row.stack).collect();
        let scope = ["ListImports", place[0], place[1], name];
        let (page, next_token) = self.page(users, &scope, input.next_token.as_deref(), limits::PAGE)?;
        Ok(ListImportsOutput { imports: Some(page), next_token })
    }

    pub(super) fn policy(&self, ctx: &Context, name: &str) -> Result<GetStackPolicyOutput, ApiError> {
        let stack = self.stack(ctx, name)?;
        Ok(GetStackPolicyOutput { stack_policy_body: stack.policy })
    }

    pub(super) fn account_limits() -> DescribeAccountLimitsOutput {
        let limit = |name: &str, value: usize| AccountLimit {
            name: Some(name.to_owned()),
            value: i32::try_from(value).ok(),
        };
        let all = [limit("StackLimit", limits::STACKS), limit("StackOutputsLimit", limits::OUTPUTS)];
        DescribeAccountLimitsOutput { account_limits: Some(all.to_vec()), next_token: None }
    }

    pub(super) async fn signal(&self, ctx: &Context, input: SignalResourceInput) -> Result<(), ApiError> {
        let stack = self.stack(ctx, &input.stack_name)?;
        let rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        let there = rows.iter().any(|row| row.logical_id == input.logical_resource_id);
        if !there {
            return Err(validation(format!(
                "Resource {} does not exist for stack {}",
                input.logical_resource_id, stack.name
            )));
        }
        if !stack.is_busy() {
            return Err(validation(format!(
                "Stack {} is in {} state and cannot be signaled",
                stack.id, stack.status
            )));
        }
        self.answered(&signals(&stack.uid, &input.logical_resource_id), &input.unique_id, input.status).await
    }
}
