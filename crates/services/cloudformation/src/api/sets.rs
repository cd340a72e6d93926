//! Change sets.

use moln_kernel::{ApiError, Context, Timestamp, ids::Uuid};
use moln_store::Snapshot;

use super::{
    begin::{Options, new_stack, refuse_secure, rollback_row, tag_rows},
    shapes,
    stacks::topics,
};
use crate::{
    Stacks,
    core::{self, uid_of},
    errors::{self, no_change_set, validation},
    limits,
    model::{
        self, Change, ChangeSetSummary, CreateChangeSetInput, CreateChangeSetOutput, DeleteChangeSetInput,
        DescribeChangeSetInput, DescribeChangeSetOutput, ExecuteChangeSetInput, ListChangeSetsInput,
        ListChangeSetsOutput, ResourceChange, ResourceChangeDetail, ResourceTargetDefinition,
    },
    sources::{MACRO_FAILED, given},
    tables::{ChangeRow, ChangeSetRow, Config, DetailRow, NAMES, SETS, STACKS, StackRow, TEXTS},
};

/// What an empty change set says.
const NOTHING: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

fn key<'s>(stack: &'s StackRow, set: &'s ChangeSetRow) -> [&'s str; 4] {
    [&stack.account, &stack.region, &stack.uid, &set.uid]
}

/// The change sets of a stack, oldest first.
fn of_stack(snapshot: &dyn Snapshot, stack: &StackRow) -> Result<Vec<ChangeSetRow>, ApiError> {
    let mut sets = SETS.all(snapshot, &[&stack.account, &stack.region, &stack.uid])?;
    sets.sort_by_key(|set| set.created);
    Ok(sets)
}

impl Stacks {
    /// A change set by its ARN, or by its name and its stack.
    pub(super) fn change_set(
        &self,
        ctx: &Context,
        name: &str,
        stack: Option<&str>,
    ) -> Result<ChangeSetRow, ApiError> {
        let snapshot = self.store.snapshot();
        if name.starts_with("arn:") {
            let sets = SETS.all(&*snapshot, &[ctx.account.as_str(), ctx.region.as_str()])?;
            return sets.into_iter().find(|set| set.id == name).ok_or_else(|| no_change_set(name));
        }
        let Some(stack) = stack else {
            return Err(validation(
                "StackName must be specified if ChangeSetName is not specified as an ARN.",
            ));
        };
        let stack = core::find(&*snapshot, ctx, stack)?
            .ok_or_else(|| validation(format!("Stack [{stack}] does not exist")))?;
        let found = of_stack(&*snapshot, &stack)?.into_iter().find(|set| set.name == name);
        found.ok_or_else(|| no_change_set(name))
    }

    #[allow(clippy::too_many_lines)] // one decision after the other, in AWS's order
    pub(super) async fn propose(
        &self,
        ctx: &Context,
        input: CreateChangeSetInput,
    ) -> Result<CreateChangeSetOutput, ApiError> {
        let kind = input.change_set_type.as_deref().unwrap_or("UPDATE");
        if kind == "IMPORT" || input.resources_to_import.as_ref().is_some_and(|list| !list.is_empty()) {
            return Err(errors::not_built("CreateChangeSet of type IMPORT"));
        }
        let snapshot = self.store.snapshot();
        let there =
            core::find(&*snapshot, ctx, &input.stack_name)?.filter(|stack| stack.status != "DELETE_COMPLETE");
        drop(snapshot);
        let now = self.clock.now().millis();
        let create = kind == "CREATE";
        let (stack, fresh) = match there {
            Some(stack) if create && stack.status != "REVIEW_IN_PROGRESS" => {
                return Err(validation(format!(
                    "Stack [{}] already exists and cannot be created again with the changeSet [{}].",
                    stack.name, input.change_set_name
                )));
            }
            Some(stack) if !create && stack.status == "REVIEW_IN_PROGRESS" => {
                return Err(validation(format!(
                    "Stack:{} is in REVIEW_IN_PROGRESS state and can not be updated.",
                    stack.id
                )));
            }
            Some(stack) if !create && !super::stacks::UPDATABLE.contains(&stack.status.as_str()) => {
                return Err(super::begin::cannot_update(&stack));
            }
            Some(stack) => (stack, false),
            None if create && !input.stack_name.starts_with("arn:") => {
                super::stacks::check_name(&input.stack_name)?;
                (new_stack(ctx, &input.stack_name, now)?, true)
            }
            None => return Err(validation(format!("Stack [{}] does not exist", input.stack_name))),
        };
        let sets = of_stack(&*self.store.snapshot(), &stack)?;
        if let Some(same) = sets.iter().find(|set| set.name == input.change_set_name) {
            let token = input.client_token.as_ref();
            if token.is_some() && same.token.as_ref() == token {
                return Ok(CreateChangeSetOutput { id: Some(same.id.clone()), stack_id: Some(stack.id) });
            }
            return Err(model::errors::already_exists_exception(format!(
                "ChangeSet [{}] already exists",
                input.change_set_name
            )));
        }
        if sets.len() >= limits::CHANGE_SETS {
            return Err(model::errors::limit_exceeded_exception(format!(
                "ChangeSet limit exceeded for stack {}",
                stack.name
            )));
        }
        let reuse = input.use_previous_template == Some(true);
        let text = if reuse && !create {
            self.template_of(&stack)?
        } else {
            self.need_text(ctx, input.template_body, input.template_url).await?
        };
        let old = (!create).then_some(&stack.config);
        let mut config = Config {
            tags: match (input.tags, old) {
                (Some(given), _) => tag_rows(given)?,
                (None, old) => old.map(|old| old.tags.clone()).unwrap_or_default(),
            },
            capabilities: input.capabilities.unwrap_or_default(),
            notifications: match (input.notification_arns, old) {
                (None, Some(old)) => old.notifications.clone(),
                (given, _) => topics(given),
            },
            role: input.role_arn.or_else(|| old.and_then(|old| old.role.clone())),
            rollback: match (input.rollback_configuration, old) {
                (None, Some(old)) => old.rollback.clone(),
                (given, _) => rollback_row(given),
            },
            ..Config::default()
        };
        let values = given(input.parameters, old)?;
        let uid = Uuid::random().to_string();
        let arn = ctx.arn("cloudformation", &format!("changeSet/{}/{uid}", input.change_set_name));
        let id = arn.map_err(|_| validation("The change set's name is not valid."))?.to_string();
        let mut set = ChangeSetRow {
            id: id.clone(),
            uid,
            name: input.change_set_name,
            stack_id: stack.id.clone(),
            stack: stack.name.clone(),
            create,
            description: input.description,
            created: now,
            nested: input.include_nested_stacks == Some(true),
            on_failure: input.on_stack_failure,
            import_existing: input.import_existing_resources,
            token: input.client_token,
            ..ChangeSetRow::default()
        };
        let source = match self.judge(ctx, &stack, &mut config, (text.clone(), false), values).await {
            Ok(judged) => {
                let changes = match refuse_secure(&judged.prepared) {
                    Ok(()) => self.changes(ctx, &stack, &config, &judged.prepared),
                    Err(error) => Err(error),
                };
                let changes = match changes {
                    Ok(changes) => self.resolvable(ctx, changes).await,
                    Err(error) => Err(error),
                };
                match changes {
                    Ok(changes) => {
                        let nothing = !create
                            && changes.is_empty()
                            && !self.differs(&stack, &config, &judged.prepared)?;
                        set.changes = changes;
                        if nothing {
                            set.status = "FAILED".into();
                            set.reason = Some(NOTHING.to_owned());
                        } else {
                            set.status = "CREATE_COMPLETE".into();
                        }
                    }
                    Err(error) => {
                        set.status = "FAILED".into();
                        set.reason = Some(error.message);
                    }
                }
                Some(judged.source)
            }
            // What a macro says comes later than the answer.
            Err(error) if error.code == MACRO_FAILED => {
                set.status = "FAILED".into();
                set.reason = Some(error.message);
                None
            }
            Err(error) => return Err(error),
        };
        set.execution = if set.status == "FAILED" { "UNAVAILABLE" } else { "AVAILABLE" }.into();
        let stack_id = stack.id.clone();
        self.change(|snapshot, batch| {
            let mut stack = stack;
            if fresh {
                let place = [stack.account.as_str(), stack.region.as_str()];
                if NAMES.get(snapshot, &[place[0], place[1], &stack.name])?.is_some() {
                    return Err(super::begin::already_exists(&stack.name));
                }
                NAMES.put(batch, &[place[0], place[1], &stack.name], &stack.uid)?;
                self.turn(batch, &mut stack, "REVIEW_IN_PROGRESS", Some("User Initiated".to_owned()))?;
                STACKS.put(batch, &core::place(&stack), &stack)?;
            }
            config.template = Uuid::random().to_string();
            let text = match source {
                Some(source) => source.text,
                None => crate::tables::TextRow { original: text, processed: None },
            };
            TEXTS.put(batch, &[&stack.uid, &config.template], &text)?;
            set.config = config;
            SETS.put(batch, &key(&stack, &set), &set)
        })
        .await?;
        Ok(CreateChangeSetOutput { id: Some(id), stack_id: Some(stack_id) })
    }

    pub(super) fn describe_set(
        &self,
        ctx: &Context,
        input: &DescribeChangeSetInput,
    ) -> Result<DescribeChangeSetOutput, ApiError> {
        let set = self.change_set(ctx, &input.change_set_name, input.stack_name.as_deref())?;
        let values = input.include_property_values == Some(true);
        let scope = ["DescribeChangeSet", set.uid.as_str(), if values { "1" } else { "0" }];
        let (page, next_token) =
            self.page(set.changes.clone(), &scope, input.next_token.as_deref(), limits::CHANGES)?;
        Ok(DescribeChangeSetOutput {
            change_set_name: Some(set.name),
            change_set_id: Some(set.id),
            stack_id: Some(set.stack_id),
            stack_name: Some(set.stack),
            description: set.description,
            parameters: shapes::parameters(&set.config.parameters),
            creation_time: Some(Timestamp(set.created)),
            execution_status: Some(set.execution),
            status: Some(set.status),
            status_reason: set.reason,
            notification_arns: Some(set.config.notifications),
            rollback_configuration: Some(shapes::rollback(&set.config.rollback)),
            capabilities: Some(set.config.capabilities),
            tags: (!set.config.tags.is_empty()).then(|| shapes::tags(&set.config.tags)),
            changes: Some(page.into_iter().map(|row| change(row, values)).collect()),
            next_token,
            include_nested_stacks: Some(set.nested),
            on_stack_failure: set.on_failure,
            import_existing_resources: set.import_existing,
            ..DescribeChangeSetOutput::default()
        })
    }

    pub(super) async fn carry_out(
        &self,
        ctx: &Context,
        input: ExecuteChangeSetInput,
    ) -> Result<(), ApiError> {
        let mut set = self.change_set(ctx, &input.change_set_name, input.stack_name.as_deref())?;
        let stack = self.stack(ctx, &set.stack_id)?;
        let asked = format!("ExecuteChangeSet {}", set.id);
        if let Some(token) = &input.client_request_token
            && stack.tokens.iter().any(|(known, what)| known == token && *what == asked)
        {
            return Ok(());
        }
        if set.execution != "AVAILABLE" {
            let (name, status) = (&set.id, &set.status);
            return Err(model::errors::invalid_change_set_status_exception(format!(
                "ChangeSet [{name}] cannot be executed in its current status of [{status}]"
            )));
        }
        let disabled = input.disable_rollback == Some(true);
        let on_failure = set.on_failure.as_deref();
        let options = Options {
            token: input.client_request_token,
            keep: disabled || on_failure == Some("DO_NOTHING"),
            vanish: set.create && on_failure == Some("DELETE"),
            disable_rollback: disabled || on_failure == Some("DO_NOTHING"),
            retain_except_on_create: input.retain_except_on_create,
            reason: Some("User Initiated".to_owned()),
            change_set: Some(set.id.clone()),
            asked,
            timeout: None,
            doomed: None,
        };
        let config = set.config.clone();
        if set.create {
            if stack.status != "REVIEW_IN_PROGRESS" {
                return Err(super::begin::cannot_update(&stack));
            }
            let mut stack = stack.clone();
            stack.updated = Some(self.clock.now().millis());
            self.begin_create(ctx, stack, config, None, options).await?;
        } else {
            self.updatable(ctx, &stack.id)?;
            self.begin_update(ctx, &stack, config, None, options).await?;
        }
        self.change(|snapshot, batch| {
            set.execution = "EXECUTE_COMPLETE".into();
            // The others were made for what the stack was.
            for other in of_stack(snapshot, &stack)? {
                if other.uid != set.uid {
                    SETS.delete(batch, &key(&stack, &other));
                }
            }
            SETS.put(batch, &key(&stack, &set), &set)
        })
        .await
    }

    pub(super) async fn withdraw(&self, ctx: &Context, input: DeleteChangeSetInput) -> Result<(), ApiError> {
        let found = self.change_set(ctx, &input.change_set_name, input.stack_name.as_deref());
        let set = match found {
            // Deleting what is not there is done already.
            Err(error) if error.code == "ChangeSetNotFound" || error.code == "ChangeSetNotFoundException" => {
                return Ok(());
            }
            other => other?,
        };
        if set.execution == "EXECUTE_IN_PROGRESS" {
            return Err(model::errors::invalid_change_set_status_exception(format!(
                "ChangeSet [{}] cannot be deleted while it is being executed",
                set.id
            )));
        }
        let uid = uid_of(&set.stack_id).to_owned();
        self.change(|snapshot, batch| {
            let stack = STACKS.get(snapshot, &[ctx.account.as_str(), ctx.region.as_str(), &uid])?;
            let Some(stack) = stack else { return Ok(()) };
            if stack.config.template != set.config.template {
                TEXTS.delete(batch, &[&stack.uid, &set.config.template]);
            }
            SETS.delete(batch, &key(&stack, &set));
            Ok(())
        })
        .await
    }

    pub(super) fn list_sets(
        &self,
        ctx: &Context,
        input: &ListChangeSetsInput,
    ) -> Result<ListChangeSetsOutput, ApiError> {
        let missing = |_| validation(format!("Stack [{}] does not exist", input.stack_name));
        let stack = self.stack(ctx, &input.stack_name).map_err(missing)?;
        let sets = of_stack(&*self.store.snapshot(), &stack)?;
        let scope = ["ListChangeSets", stack.uid.as_str()];
        let (page, next_token) = self.page(sets, &scope, input.next_token.as_deref(), limits::PAGE)?;
        let shown = page.into_iter().map(|set| ChangeSetSummary {
            stack_id: Some(set.stack_id),
            stack_name: Some(set.stack),
            change_set_id: Some(set.id),
            change_set_name: Some(set.name),
            execution_status: Some(set.execution),
            status: Some(set.status),
            status_reason: set.reason,
            creation_time: Some(Timestamp(set.created)),
            description: set.description,
            include_nested_stacks: Some(set.nested),
            parent_change_set_id: None,
            root_change_set_id: None,
            import_existing_resources: Some(set.import_existing == Some(true)),
        });
        Ok(ListChangeSetsOutput { summaries: Some(shown.collect()), next_token })
    }
}

fn detail(row: DetailRow, values: bool) -> ResourceChangeDetail {
    ResourceChangeDetail {
        target: Some(ResourceTargetDefinition {
            attribute: Some(row.attribute),
            name: row.name,
            requires_recreation: row.recreation,
            path: row.path.filter(|_| values),
            before_value: row.before.filter(|_| values),
            after_value: row.after.filter(|_| values),
            attribute_change_type: row.kind.filter(|_| values),
            ..ResourceTargetDefinition::default()
        }),
        evaluation: Some(row.evaluation),
        change_source: Some(row.source),
        causing_entity: row.cause,
    }
}

fn change(row: ChangeRow, values: bool) -> Change {
    let add = row.action == "Add";
    // Without values only what caused a change is told.
    let caused = |one: &DetailRow| values || one.source != "DirectModification" || one.evaluation == "Static";
    let details = row.details.into_iter().filter(caused).map(|one| detail(one, values));
    Change {
        r#type: Some("Resource".to_owned()),
        hook_invocation_count: None,
        resource_change: Some(ResourceChange {
            policy_action: row.policy_action,
            action: Some(row.action),
            logical_resource_id: Some(row.logical_id),
            physical_resource_id: row.physical_id,
            resource_type: Some(row.type_name),
            replacement: if add { values.then(|| "True".to_owned()) } else { row.replacement },
            scope: Some(row.scope),
            details: Some(details.collect()),
            change_set_id: row.change_set,
            before_context: row.before.filter(|_| values),
            after_context: row.after.filter(|_| values),
            ..ResourceChange::default()
        }),
    }
}
