//! Making, changing and removing stacks.

use moln_kernel::{ApiError, Context};

use super::begin::{
    Options, already_exists, cannot_update, new_stack, refuse_protected, rollback_row, tag_rows,
};
use crate::{
    Stacks, core,
    errors::{self, validation},
    limits,
    model::{
        CancelUpdateStackInput, ContinueUpdateRollbackInput, CreateStackInput, CreateStackOutput,
        DeleteStackInput, RollbackStackInput, RollbackStackOutput, SetStackPolicyInput, UpdateStackInput,
        UpdateStackOutput, UpdateTerminationProtectionInput,
    },
    sources::{MACRO_FAILED, given, refusal},
    tables::{Config, Kind, Phase, STACKS, StackRow, TEXTS, TextRow},
};

/// States an update may begin in.
pub(super) const UPDATABLE: &[&str] = &[
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
];

/// Refuses what can name no stack.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let bad = |constraint: &str| {
        Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must {constraint}"
        )))
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(fits) {
        return bad("satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*");
    }
    if name.len() > limits::STACK_NAME {
        return bad("have length less than or equal to 128");
    }
    Ok(())
}

impl Stacks {
    pub(super) async fn policy_text(
        &self,
        ctx: &Context,
        body: Option<String>,
        url: Option<String>,
    ) -> Result<Option<String>, ApiError> {
        let text = match (body, url) {
            (Some(_), Some(_)) => {
                return Err(validation("You cannot specify both StackPolicyURL and StackPolicyBody"));
            }
            (Some(body), None) => body,
            (None, Some(url)) => self.fetch(ctx, &url, limits::STACK_POLICY).await?,
            (None, None) => return Ok(None),
        };
        if text.len() > limits::STACK_POLICY {
            return Err(validation(format!("Stack policy is longer than {} bytes.", limits::STACK_POLICY)));
        }
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) if value.get("Statement").is_some() => Ok(Some(text)),
            _ => Err(validation("Error validating stack policy: Invalid stack policy")),
        }
    }

    pub(super) async fn make(
        &self,
        ctx: &Context,
        input: CreateStackInput,
    ) -> Result<CreateStackOutput, ApiError> {
        let asked = format!("{input:?}");
        check_name(&input.stack_name)?;
        if let Some(there) = core::find(&*self.store.snapshot(), ctx, &input.stack_name)? {
            let token = input.client_request_token.as_deref();
            let again =
                there.tokens.iter().any(|(known, what)| Some(known.as_str()) == token && *what == asked);
            if again {
                return Ok(CreateStackOutput { stack_id: Some(there.id), operation_id: None });
            }
            return Err(already_exists(&input.stack_name));
        }
        if input.on_failure.is_some() && input.disable_rollback.is_some() {
            return Err(validation(
                "Only one of the parameters OnFailure and DisableRollback may be specified.",
            ));
        }
        let text = self.need_text(ctx, input.template_body, input.template_url).await?;
        let policy = self.policy_text(ctx, input.stack_policy_body, input.stack_policy_url).await?;
        let mut config = Config {
            tags: tag_rows(input.tags.unwrap_or_default())?,
            capabilities: input.capabilities.unwrap_or_default(),
            notifications: topics(input.notification_arns),
            role: input.role_arn,
            rollback: rollback_row(input.rollback_configuration),
            ..Config::default()
        };
        let mut stack = new_stack(ctx, &input.stack_name, self.clock.now().millis())?;
        let values = given(input.parameters, None)?;
        let (text, doomed) = match self.judge(ctx, &stack, &mut config, (text.clone(), true), values).await {
            Ok(judged) => (judged.source.text, None),
            // The stack is made, and fails with what the macro says.
            Err(error) if error.code == MACRO_FAILED => {
                (TextRow { original: text, processed: None }, Some(error.message))
            }
            Err(error) => return Err(error),
        };
        stack.protected = input.enable_termination_protection == Some(true);
        stack.policy = policy;
        let on_failure = input.on_failure.as_deref();
        let disabled = input.disable_rollback == Some(true)
            || input.deployment_config.is_some_and(|config| config.disable_rollback == Some(true));
        let options = Options {
            token: input.client_request_token,
            timeout: input.timeout_in_minutes,
            keep: disabled || on_failure == Some("DO_NOTHING"),
            vanish: on_failure == Some("DELETE"),
            retain_except_on_create: input.retain_except_on_create,
            disable_rollback: disabled || on_failure == Some("DO_NOTHING"),
            reason: Some("User Initiated".to_owned()),
            asked,
            change_set: None,
            doomed,
        };
        let id = self.begin_create(ctx, stack, config, Some(text), options).await?;
        Ok(CreateStackOutput { stack_id: Some(id), operation_id: None })
    }

    /// The stack to be updated, at rest.
    pub(super) fn updatable(&self, ctx: &Context, name: &str) -> Result<StackRow, ApiError> {
        let stack = core::find(&*self.store.snapshot(), ctx, name)?;
        let stack = stack.filter(|stack| stack.status != "DELETE_COMPLETE");
        let stack = stack.ok_or_else(|| errors::stack_missing(name))?;
        if UPDATABLE.contains(&stack.status.as_str()) { Ok(stack) } else { Err(cannot_update(&stack)) }
    }

    pub(super) async fn renew(
        &self,
        ctx: &Context,
        input: UpdateStackInput,
    ) -> Result<UpdateStackOutput, ApiError> {
        let asked = format!("{input:?}");
        if let Some(token) = &input.client_request_token
            && let Some(there) = core::find(&*self.store.snapshot(), ctx, &input.stack_name)?
            && there.tokens.iter().any(|(known, what)| known == token && *what == asked)
        {
            return Ok(UpdateStackOutput { stack_id: Some(there.id), operation_id: None });
        }
        let reuse = input.use_previous_template == Some(true);
        if !reuse && input.template_body.is_none() && input.template_url.is_none() {
            // AWS looks at this before it looks for the stack.
            core::find(&*self.store.snapshot(), ctx, &input.stack_name)?
                .ok_or_else(|| errors::stack_missing(&input.stack_name))?;
        }
        let stack = self.updatable(ctx, &input.stack_name)?;
        let text = if reuse {
            self.template_of(&stack)?
        } else {
            self.need_text(ctx, input.template_body, input.template_url).await?
        };
        let policy = self.policy_text(ctx, input.stack_policy_body, input.stack_policy_url).await?;
        self.policy_text(ctx, input.stack_policy_during_update_body, input.stack_policy_during_update_url)
            .await?;
        let old = &stack.config;
        let mut config = Config {
            tags: input.tags.map_or_else(|| Ok(old.tags.clone()), tag_rows)?,
            capabilities: input.capabilities.unwrap_or_default(),
            notifications: match input.notification_arns {
                Some(arns) => topics(Some(arns)),
                None => old.notifications.clone(),
            },
            role: input.role_arn.or_else(|| old.role.clone()),
            rollback: match input.rollback_configuration {
                Some(given) => rollback_row(Some(given)),
                None => old.rollback.clone(),
            },
            ..Config::default()
        };
        let values = given(input.parameters, Some(old))?;
        let judged = self.judge(ctx, &stack, &mut config, (text, true), values).await.map_err(refusal)?;
        let changes = self.changes(ctx, &stack, &config, &judged.prepared)?;
        let real = changes.iter().any(|change| change.details.iter().all(|one| one.source != "Automatic"));
        if !real && changes.is_empty() && !self.differs(&stack, &config, &judged.prepared)? {
            return Err(validation("No updates are to be performed."));
        }
        if let Some(policy) = policy {
            self.change_stack(ctx, &stack.id, |stack, _| {
                stack.policy = Some(policy);
                Ok(())
            })
            .await?;
        }
        let disabled = input.disable_rollback == Some(true)
            || input.deployment_config.is_some_and(|config| config.disable_rollback == Some(true));
        let options = Options {
            token: input.client_request_token,
            keep: disabled,
            disable_rollback: disabled,
            retain_except_on_create: input.retain_except_on_create,
            reason: Some("User Initiated".to_owned()),
            asked,
            ..Options::default()
        };
        self.begin_update(ctx, &stack, config, Some(judged.source), options).await?;
        Ok(UpdateStackOutput { stack_id: Some(stack.id), operation_id: None })
    }

    /// A stack's template as it came.
    pub(super) fn template_of(&self, stack: &StackRow) -> Result<String, ApiError> {
        let text = TEXTS.get(&*self.store.snapshot(), &[&stack.uid, &stack.config.template])?;
        text.map(|text| text.original)
            .ok_or_else(|| validation(format!("Stack [{}] has no template.", stack.name)))
    }

    pub(super) async fn drop_stack(&self, ctx: &Context, input: DeleteStackInput) -> Result<(), ApiError> {
        // Deleting what is not there is done already.
        let Some(stack) = core::find(&*self.store.snapshot(), ctx, &input.stack_name)? else { return Ok(()) };
        if stack.status == "DELETE_COMPLETE" || stack.status == "DELETE_IN_PROGRESS" {
            return Ok(());
        }
        refuse_protected(&stack)?;
        if let Some(root) = &stack.root {
            let top = core::find(&*self.store.snapshot(), ctx, root)?;
            if top.is_some_and(|top| top.protected) {
                return Err(validation(format!(
                    "Stack [{}] cannot be deleted while TerminationProtection is enabled",
                    stack.name
                )));
            }
        }
        if stack.is_busy() {
            if stack.operation.as_ref().is_some_and(|operation| operation.kind == Kind::Create) {
                // A creation is broken off: what it has made goes.
                return self.break_off(ctx, &stack, input.client_request_token).await;
            }
            return Err(validation(format!(
                "Stack [{}] cannot be deleted while in status {}",
                stack.name, stack.status
            )));
        }
        let spared = input.retain_resources.unwrap_or_default();
        let forced = input.deletion_mode.as_deref() == Some("FORCE_DELETE_STACK");
        if !spared.is_empty() && stack.status != "DELETE_FAILED" {
            return Err(validation(
                "Invalid operation on stack. RetainResources is only allowed for stacks in DELETE_FAILED state.",
            ));
        }
        let spared = if forced && stack.status == "DELETE_FAILED" {
            let rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
            rows.into_iter().filter(|row| row.status == "DELETE_FAILED").map(|row| row.logical_id).collect()
        } else {
            spared
        };
        let reason = Some("User Initiated".to_owned());
        self.begin_delete(ctx, &stack.id, input.client_request_token, spared, reason).await
    }

    async fn break_off(
        &self,
        ctx: &Context,
        stack: &StackRow,
        token: Option<String>,
    ) -> Result<(), ApiError> {
        self.change_stack(ctx, &stack.id, |stack, _| {
            let Some(operation) = &mut stack.operation else { return Ok(()) };
            operation.vanish = true;
            operation.keep = false;
            operation.cancelled = true;
            if token.is_some() {
                operation.token = token;
            }
            Ok(())
        })
        .await?;
        self.pulse.cancel(&stack.uid);
        Ok(())
    }

    pub(super) async fn protect(
        &self,
        ctx: &Context,
        input: UpdateTerminationProtectionInput,
    ) -> Result<String, ApiError> {
        let stack = core::get(&*self.store.snapshot(), ctx, &input.stack_name)
            .map_err(|_| errors::stack_missing(&input.stack_name))?;
        if stack.parent.is_some() {
            return Err(validation(
                "Termination protection cannot be changed on nested stacks; change it on the root stack.",
            ));
        }
        self.change_stack(ctx, &stack.id, |stack, _| {
            stack.protected = input.enable_termination_protection;
            Ok(stack.id.clone())
        })
        .await
    }

    pub(super) async fn put_policy(&self, ctx: &Context, input: SetStackPolicyInput) -> Result<(), ApiError> {
        let policy = self.policy_text(ctx, input.stack_policy_body, input.stack_policy_url).await?;
        let stack = core::find(&*self.store.snapshot(), ctx, &input.stack_name)?;
        let stack = stack.ok_or_else(|| errors::no_stack(&input.stack_name))?;
        self.change_stack(ctx, &stack.id, |stack, _| {
            stack.policy = policy;
            Ok(())
        })
        .await
    }

    pub(super) async fn cancel_update(
        &self,
        ctx: &Context,
        input: CancelUpdateStackInput,
    ) -> Result<(), ApiError> {
        let missing = |_| errors::stack_missing(&input.stack_name);
        let stack = core::get(&*self.store.snapshot(), ctx, &input.stack_name).map_err(missing)?;
        self.change_stack(ctx, &stack.id, |stack, _| {
            let operation = stack.operation.as_mut().filter(|operation| operation.phase == Phase::Updating);
            let Some(operation) = operation else {
                return Err(validation("CancelUpdateStack cannot be called from current stack status"));
            };
            operation.cancelled = true;
            operation.keep = false;
            Ok(())
        })
        .await?;
        self.pulse.cancel(&stack.uid);
        Ok(())
    }

    pub(super) async fn go_on_undoing(
        &self,
        ctx: &Context,
        input: ContinueUpdateRollbackInput,
    ) -> Result<(), ApiError> {
        let missing = |_| errors::stack_missing(&input.stack_name);
        let stack = core::get(&*self.store.snapshot(), ctx, &input.stack_name).map_err(missing)?;
        if stack.status != "UPDATE_ROLLBACK_FAILED" {
            return Err(validation(format!(
                "Stack:{} is in {} state and can not continue rollback.",
                stack.id, stack.status
            )));
        }
        let skipped = input.resources_to_skip.unwrap_or_default();
        let rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        for name in &skipped {
            let failed = rows.iter().any(|row| row.logical_id == *name && row.status == "UPDATE_FAILED");
            if !failed {
                return Err(validation(format!(
                    "The resource {name} in ResourcesToSkip is not in a state that can be skipped."
                )));
            }
        }
        self.begin_undoing(
            ctx,
            &stack,
            Kind::Rollback,
            Phase::UndoingUpdate,
            input.client_request_token,
            skipped,
        )
        .await
    }

    pub(super) async fn roll_back(
        &self,
        ctx: &Context,
        input: RollbackStackInput,
    ) -> Result<RollbackStackOutput, ApiError> {
        let missing = |_| errors::stack_missing(&input.stack_name);
        let stack = core::get(&*self.store.snapshot(), ctx, &input.stack_name).map_err(missing)?;
        let phase = match stack.status.as_str() {
            "CREATE_FAILED" => Phase::UndoingCreate,
            "UPDATE_FAILED" => Phase::UndoingUpdate,
            status => {
                return Err(validation(format!(
                    "Stack:{} is in {status} state and can not be rolled back.",
                    stack.id
                )));
            }
        };
        if input.retain_except_on_create.is_some() {
            self.change_stack(ctx, &stack.id, |stack, _| {
                stack.retain_except_on_create = input.retain_except_on_create;
                Ok(())
            })
            .await?;
        }
        self.begin_undoing(ctx, &stack, Kind::Rollback, phase, input.client_request_token, Vec::new())
            .await?;
        Ok(RollbackStackOutput { stack_id: Some(stack.id), operation_id: None })
    }

    async fn begin_undoing(
        &self,
        ctx: &Context,
        read: &StackRow,
        kind: Kind,
        phase: Phase,
        token: Option<String>,
        spared: Vec<String>,
    ) -> Result<(), ApiError> {
        self.change(|snapshot, batch| {
            let mut stack = core::get(snapshot, ctx, &read.id)?;
            if stack.status != read.status {
                return Err(cannot_update(&stack));
            }
            let mut begun = crate::engine::operation(kind, phase, token, ctx);
            begun.before = stack.unfinished.take();
            begun.spared = spared;
            stack.operation = Some(begun);
            let create = phase == Phase::UndoingCreate;
            let status = if create { "ROLLBACK_IN_PROGRESS" } else { "UPDATE_ROLLBACK_IN_PROGRESS" };
            self.turn(batch, &mut stack, status, Some("User Initiated".to_owned()))?;
            Self::write_busy(batch, &stack)
        })
        .await?;
        self.pulse.begin(ctx.account.as_str(), ctx.region.as_str(), &read.uid);
        Ok(())
    }

    /// A stack by name or id, also a deleted one by id.
    pub(super) fn stack(&self, ctx: &Context, name: &str) -> Result<StackRow, ApiError> {
        core::get(&*self.store.snapshot(), ctx, name)
    }

    /// Every stack of the account in the region.
    pub(super) fn all_stacks(&self, ctx: &Context) -> Result<Vec<StackRow>, ApiError> {
        let mut stacks = STACKS.all(&*self.store.snapshot(), &[ctx.account.as_str(), ctx.region.as_str()])?;
        stacks.sort_by_key(|stack| std::cmp::Reverse(stack.created));
        Ok(stacks)
    }
}

/// Topics of a request: clients that have none send an empty one.
pub(super) fn topics(given: Option<Vec<String>>) -> Vec<String> {
    given.into_iter().flatten().filter(|arn| !arn.is_empty()).collect()
}
