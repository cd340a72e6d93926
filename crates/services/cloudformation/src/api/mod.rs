//! The operations. This file is the trait's implementation: each line hands on to its group.

mod begin;
mod describing;
mod drift;
mod sets;
mod shapes;
mod stacks;
mod templates;

use moln_kernel::{ApiError, Context};
use moln_wire::Hooks;

pub(crate) use begin::{Beginning, Change};

#[allow(clippy::wildcard_imports)] // every operation has types of its own
use crate::{Stacks as Service, model::*};

impl Hooks for Service {}

impl Cloudformation for Service {
    async fn cancel_update_stack(
        &self,
        ctx: &Context,
        input: CancelUpdateStackInput,
    ) -> Result<(), ApiError> {
        self.cancel_update(ctx, input).await
    }
    async fn continue_update_rollback(
        &self,
        ctx: &Context,
        input: ContinueUpdateRollbackInput,
    ) -> Result<ContinueUpdateRollbackOutput, ApiError> {
        self.go_on_undoing(ctx, input).await?;
        Ok(ContinueUpdateRollbackOutput::default())
    }
    async fn create_change_set(
        &self,
        ctx: &Context,
        input: CreateChangeSetInput,
    ) -> Result<CreateChangeSetOutput, ApiError> {
        self.propose(ctx, input).await
    }
    async fn create_stack(
        &self,
        ctx: &Context,
        input: CreateStackInput,
    ) -> Result<CreateStackOutput, ApiError> {
        self.make(ctx, input).await
    }
    async fn delete_change_set(
        &self,
        ctx: &Context,
        input: DeleteChangeSetInput,
    ) -> Result<DeleteChangeSetOutput, ApiError> {
        self.withdraw(ctx, input).await?;
        Ok(DeleteChangeSetOutput::default())
    }
    async fn delete_stack(&self, ctx: &Context, input: DeleteStackInput) -> Result<(), ApiError> {
        self.drop_stack(ctx, input).await
    }
    async fn describe_account_limits(
        &self,
        ctx: &Context,
        input: DescribeAccountLimitsInput,
    ) -> Result<DescribeAccountLimitsOutput, ApiError> {
        let _ = (ctx, input);
        Ok(Self::account_limits())
    }
    async fn describe_change_set(
        &self,
        ctx: &Context,
        input: DescribeChangeSetInput,
    ) -> Result<DescribeChangeSetOutput, ApiError> {
        self.describe_set(ctx, &input)
    }
    async fn describe_stack_drift_detection_status(
        &self,
        ctx: &Context,
        input: DescribeStackDriftDetectionStatusInput,
    ) -> Result<DescribeStackDriftDetectionStatusOutput, ApiError> {
        self.detection(ctx, &input)
    }
    async fn describe_stack_events(
        &self,
        ctx: &Context,
        input: DescribeStackEventsInput,
    ) -> Result<DescribeStackEventsOutput, ApiError> {
        self.describe_events(ctx, &input)
    }
    async fn describe_stack_resource(
        &self,
        ctx: &Context,
        input: DescribeStackResourceInput,
    ) -> Result<DescribeStackResourceOutput, ApiError> {
        self.describe_resource(ctx, &input)
    }
    async fn describe_stack_resource_drifts(
        &self,
        ctx: &Context,
        input: DescribeStackResourceDriftsInput,
    ) -> Result<DescribeStackResourceDriftsOutput, ApiError> {
        self.drifts(ctx, &input)
    }
    async fn describe_stack_resources(
        &self,
        ctx: &Context,
        input: DescribeStackResourcesInput,
    ) -> Result<DescribeStackResourcesOutput, ApiError> {
        self.describe_resources(ctx, &input)
    }
    async fn describe_stacks(
        &self,
        ctx: &Context,
        input: DescribeStacksInput,
    ) -> Result<DescribeStacksOutput, ApiError> {
        self.describe(ctx, &input)
    }
    async fn detect_stack_drift(
        &self,
        ctx: &Context,
        input: DetectStackDriftInput,
    ) -> Result<DetectStackDriftOutput, ApiError> {
        self.detect(ctx, input).await
    }
    async fn detect_stack_resource_drift(
        &self,
        ctx: &Context,
        input: DetectStackResourceDriftInput,
    ) -> Result<DetectStackResourceDriftOutput, ApiError> {
        self.detect_one(ctx, input).await
    }
    async fn execute_change_set(
        &self,
        ctx: &Context,
        input: ExecuteChangeSetInput,
    ) -> Result<ExecuteChangeSetOutput, ApiError> {
        self.carry_out(ctx, input).await?;
        Ok(ExecuteChangeSetOutput::default())
    }
    async fn get_stack_policy(
        &self,
        ctx: &Context,
        input: GetStackPolicyInput,
    ) -> Result<GetStackPolicyOutput, ApiError> {
        self.policy(ctx, &input.stack_name)
    }
    async fn get_template(
        &self,
        ctx: &Context,
        input: GetTemplateInput,
    ) -> Result<GetTemplateOutput, ApiError> {
        self.read_template(ctx, &input)
    }
    async fn get_template_summary(
        &self,
        ctx: &Context,
        input: GetTemplateSummaryInput,
    ) -> Result<GetTemplateSummaryOutput, ApiError> {
        self.summarize(ctx, input).await
    }
    async fn list_change_sets(
        &self,
        ctx: &Context,
        input: ListChangeSetsInput,
    ) -> Result<ListChangeSetsOutput, ApiError> {
        self.list_sets(ctx, &input)
    }
    async fn list_exports(
        &self,
        ctx: &Context,
        input: ListExportsInput,
    ) -> Result<ListExportsOutput, ApiError> {
        self.exported(ctx, &input)
    }
    async fn list_imports(
        &self,
        ctx: &Context,
        input: ListImportsInput,
    ) -> Result<ListImportsOutput, ApiError> {
        self.imported(ctx, &input)
    }
    async fn list_stack_resources(
        &self,
        ctx: &Context,
        input: ListStackResourcesInput,
    ) -> Result<ListStackResourcesOutput, ApiError> {
        self.list_resources(ctx, &input)
    }
    async fn list_stacks(&self, ctx: &Context, input: ListStacksInput) -> Result<ListStacksOutput, ApiError> {
        self.list(ctx, &input)
    }
    async fn rollback_stack(
        &self,
        ctx: &Context,
        input: RollbackStackInput,
    ) -> Result<RollbackStackOutput, ApiError> {
        self.roll_back(ctx, input).await
    }
    async fn set_stack_policy(&self, ctx: &Context, input: SetStackPolicyInput) -> Result<(), ApiError> {
        self.put_policy(ctx, input).await
    }
    async fn signal_resource(&self, ctx: &Context, input: SignalResourceInput) -> Result<(), ApiError> {
        self.signal(ctx, input).await
    }
    async fn update_stack(
        &self,
        ctx: &Context,
        input: UpdateStackInput,
    ) -> Result<UpdateStackOutput, ApiError> {
        self.renew(ctx, input).await
    }
    async fn update_termination_protection(
        &self,
        ctx: &Context,
        input: UpdateTerminationProtectionInput,
    ) -> Result<UpdateTerminationProtectionOutput, ApiError> {
        let stack_id = Some(self.protect(ctx, input).await?);
        Ok(UpdateTerminationProtectionOutput { stack_id })
    }
    async fn validate_template(
        &self,
        ctx: &Context,
        input: ValidateTemplateInput,
    ) -> Result<ValidateTemplateOutput, ApiError> {
        self.validate(ctx, input).await
    }
}
