//! Beginning operations: everything is judged first, then the stack and its operation are one commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use moln_deploy::document::Node;
use moln_deploy::template::{Capabilities, Prepared, Template, prepare};
use moln_kernel::{ApiError, Context, ids::Uuid, tags};
use moln_store::Batch;
use serde_json::Value;

use crate::{
    Stacks,
    core::{self, place},
    dynamic::{is_secure, references},
    engine::{self, operation, prepared, unknown_properties},
    errors::validation,
    limits,
    model::{self, RollbackConfiguration, Tag},
    plan::Plan,
    sources::{Source, acknowledged, arguments, problem, pseudo, refusal},
    tables::{
        ChangeRow, Config, Kind, NAMES, Phase, RESOURCES, RUNNING, ResourceRow, STACKS, StackRow, TEXTS,
        TextRow,
    },
};

/// What macros need.
const EXPAND: &str = "CAPABILITY_AUTO_EXPAND";

/// What a nested stack asks for.
pub(crate) struct Beginning {
    pub(crate) url: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) notifications: Vec<String>,
    pub(crate) timeout: Option<i32>,
    pub(crate) role: Option<String>,
}

/// What beginning an update came to.
pub(crate) enum Change {
    /// It has begun.
    Begun,
    /// There is nothing to do.
    Nothing(Box<StackRow>),
}

/// What a new stack asks for beside its configuration.
#[derive(Default)]
pub(super) struct Options {
    pub(super) token: Option<String>,
    pub(super) timeout: Option<i32>,
    pub(super) keep: bool,
    pub(super) vanish: bool,
    pub(super) retain_except_on_create: Option<bool>,
    pub(super) disable_rollback: bool,
    pub(super) reason: Option<String>,
    pub(super) change_set: Option<String>,
    pub(super) doomed: Option<String>,
    /// What was asked, for a token that comes again.
    pub(super) asked: String,
}

/// A template and its configuration, judged.
pub(super) struct Judged {
    pub(super) source: Source,
    pub(super) prepared: Prepared,
}

pub(super) fn tag_rows(given: Vec<Tag>) -> Result<Vec<(String, String)>, ApiError> {
    let rows: Vec<(String, String)> = given.into_iter().map(|tag| (tag.key, tag.value)).collect();
    tags::check(rows.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .and_then(|()| tags::check_count(rows.len(), limits::TAGS))
        .map_err(|fault| fault.to_error("ValidationError"))?;
    Ok(rows)
}

pub(super) fn rollback_row(given: Option<RollbackConfiguration>) -> Value {
    let Some(given) = given else { return Value::Null };
    let triggers = given.rollback_triggers.into_iter().flatten();
    let triggers: Vec<Value> =
        triggers.map(|one| serde_json::json!({"Arn": one.arn, "Type": one.r#type})).collect();
    serde_json::json!({"RollbackTriggers": triggers, "MonitoringTimeInMinutes": given.monitoring_time_in_minutes})
}

/// A stack that is not there yet.
pub(super) fn new_stack(ctx: &Context, name: &str, now: u64) -> Result<StackRow, ApiError> {
    let uid = Uuid::random().to_string();
    let arn = ctx.arn("cloudformation", &format!("stack/{name}/{uid}"));
    let arn = arn.map_err(|_| validation("The stack's name is not valid."))?;
    Ok(StackRow {
        account: ctx.account.to_string(),
        region: ctx.region.to_string(),
        uid,
        id: arn.to_string(),
        name: name.to_owned(),
        created: now,
        ..StackRow::default()
    })
}

impl Stacks {
    /// Judges a template before anything is written. A change set shows what macros made of it before anything happens, so
    /// it need not be acknowledged that they may: `direct` says that there is none.
    pub(super) async fn judge(
        &self,
        ctx: &Context,
        stack: &StackRow,
        config: &mut Config,
        (text, direct): (String, bool),
        given: BTreeMap<String, String>,
    ) -> Result<Judged, ApiError> {
        let first = Template::parse(&text).map_err(problem)?;
        if direct && first.capabilities().needed.contains(&EXPAND) {
            let expand = Capabilities { needed: vec![EXPAND], reason: String::new() };
            acknowledged(&expand, &config.capabilities)?;
        }
        let source = self.process(ctx, stack, config, text, given).await?;
        let prepared =
            prepare(&source.template, &arguments(config), &pseudo(stack, config)).map_err(problem)?;
        let unknown: BTreeSet<&str> = prepared
            .template()
            .resources()
            .map(|declared| declared.kind)
            .filter(|kind| self.maker(kind).is_none())
            .collect();
        if !unknown.is_empty() {
            let unknown: Vec<&str> = unknown.into_iter().collect();
            return Err(validation(format!(
                "Template format error: Unrecognized resource types: [{}]",
                unknown.join(", ")
            )));
        }
        // Databases and volumes leave snapshots; none of them is known here.
        for wanted in prepared.resources() {
            let policies = [
                (&wanted.deletion_policy, "deletion policy"),
                (&wanted.update_replace_policy, "update replace policy"),
            ];
            if let Some((_, words)) = policies.into_iter().find(|(policy, _)| *policy == "Snapshot") {
                return Err(validation(format!(
                    "Template error: resource type {} does not support {words} Snapshot",
                    wanted.kind
                )));
            }
        }
        if direct {
            refuse_secure(&prepared)?;
        }
        let count = prepared.resources().len();
        if count > limits::RESOURCES {
            return Err(validation(format!(
                "Template format error: Number of resources, {count}, is greater than maximum allowed, {}",
                limits::RESOURCES
            )));
        }
        let mut needed = source.template.capabilities();
        needed.needed.retain(|name| *name != EXPAND);
        acknowledged(&needed, &config.capabilities)?;
        Ok(Judged { source, prepared })
    }

    /// Writes a new stack with its operation and begins.
    pub(super) async fn begin_create(
        &self,
        ctx: &Context,
        mut stack: StackRow,
        config: Config,
        text: Option<TextRow>,
        options: Options,
    ) -> Result<String, ApiError> {
        let now = self.clock.now();
        let mut begun = operation(Kind::Create, Phase::Creating, options.token.clone(), ctx);
        begun.keep = options.keep;
        begun.vanish = options.vanish;
        begun.doomed = options.doomed;
        let minutes = options.timeout.and_then(|minutes| u64::try_from(minutes).ok());
        begun.deadline = minutes.map(|minutes| now.after(Duration::from_mins(minutes)).millis());
        stack.timeout = options.timeout;
        stack.disable_rollback = options.disable_rollback;
        stack.retain_except_on_create = options.retain_except_on_create;
        stack.config = config;
        stack.change_set = options.change_set;
        stack.operation = Some(begun);
        stack.tokens.extend(options.token.map(|token| (token, options.asked)));
        let id = self
            .change(|snapshot, batch| {
                let place = [stack.account.as_str(), stack.region.as_str()];
                let taken = NAMES.get(snapshot, &[place[0], place[1], &stack.name])?;
                if taken.as_ref().is_some_and(|uid| *uid != stack.uid) {
                    return Err(already_exists(&stack.name));
                }
                let stacks = NAMES.all(snapshot, &place)?.len();
                if taken.is_none() && stacks >= limits::STACKS {
                    return Err(model::errors::limit_exceeded_exception(format!(
                        "Limit for stack has been exceeded: {}",
                        limits::STACKS
                    )));
                }
                NAMES.put(batch, &[place[0], place[1], &stack.name], &stack.uid)?;
                if let Some(text) = &text {
                    stack.config.template = Uuid::random().to_string();
                    TEXTS.put(batch, &[&stack.uid, &stack.config.template], text)?;
                }
                let reason = options.reason;
                self.turn(batch, &mut stack, "CREATE_IN_PROGRESS", reason)?;
                Self::write_busy(batch, &stack)?;
                Ok(stack.id.clone())
            })
            .await?;
        self.pulse.begin(ctx.account.as_str(), ctx.region.as_str(), core::uid_of(&id));
        Ok(id)
    }

    /// Writes a stack with an operation under way.
    pub(super) fn write_busy(batch: &mut Batch, stack: &StackRow) -> Result<(), ApiError> {
        RUNNING.put(batch, &[&stack.uid], &(stack.account.clone(), stack.region.clone()))?;
        STACKS.put(batch, &place(stack), stack)
    }

    /// Writes an update's operation and begins. The stack must be at rest as it was read.
    pub(super) async fn begin_update(
        &self,
        ctx: &Context,
        read: &StackRow,
        config: Config,
        source: Option<Source>,
        options: Options,
    ) -> Result<(), ApiError> {
        let now = self.clock.now().millis();
        let mut config = config;
        self.change(|snapshot, batch| {
            let mut stack = core::get(snapshot, ctx, &read.id)?;
            if stack.status != read.status || stack.updated != read.updated {
                return Err(cannot_update(&stack));
            }
            let mut begun = operation(Kind::Update, Phase::Updating, options.token.clone(), ctx);
            begun.keep = options.keep;
            if let Some(source) = &source {
                config.template = Uuid::random().to_string();
                TEXTS.put(batch, &[&stack.uid, &config.template], &source.text)?;
            }
            let outputs = stack.config.outputs.clone();
            let current = std::mem::replace(&mut stack.config, config);
            stack.config.outputs = outputs;
            // After an update that was not undone, the way back leads to the last good state.
            let good = stack.unfinished.take().unwrap_or_else(|| Box::new(current));
            begun.before = Some(good);
            stack.operation = Some(begun);
            stack.updated = Some(now);
            stack.disable_rollback = options.disable_rollback;
            if options.retain_except_on_create.is_some() {
                stack.retain_except_on_create = options.retain_except_on_create;
            }
            if options.change_set.is_some() {
                stack.change_set = options.change_set;
            }
            stack.tokens.extend(options.token.map(|token| (token, options.asked)));
            keep_last(&mut stack.tokens);
            self.turn(batch, &mut stack, "UPDATE_IN_PROGRESS", options.reason)?;
            Self::write_busy(batch, &stack)
        })
        .await?;
        self.pulse.begin(ctx.account.as_str(), ctx.region.as_str(), &read.uid);
        Ok(())
    }

    /// Writes a deletion and begins.
    pub(super) async fn begin_delete(
        &self,
        ctx: &Context,
        id: &str,
        token: Option<String>,
        spared: Vec<String>,
        reason: Option<String>,
    ) -> Result<(), ApiError> {
        let now = self.clock.now().millis();
        let uid = self
            .change(|snapshot, batch| {
                let mut stack = core::get(snapshot, ctx, id)?;
                for output in &stack.config.outputs {
                    let Some(export) = &output.export else { continue };
                    if let Some(user) = engine::user_of(snapshot, &stack, export)? {
                        return Err(validation(format!(
                            "Export {export} cannot be deleted as it is in use by {user}"
                        )));
                    }
                }
                let mut begun = operation(Kind::Delete, Phase::Deleting, token.clone(), ctx);
                begun.spared = spared;
                stack.operation = Some(begun);
                stack.updated = stack.updated.or(Some(now));
                stack.tokens.extend(token.map(|token| (token, String::from("DeleteStack"))));
                keep_last(&mut stack.tokens);
                for mut row in RESOURCES.all(snapshot, &[&stack.uid])? {
                    // What was in the middle of something is removed as it stands.
                    if row.fresh {
                        row.fresh = false;
                        RESOURCES.put(batch, &[&stack.uid, &row.logical_id], &row)?;
                    }
                }
                self.turn(batch, &mut stack, "DELETE_IN_PROGRESS", reason)?;
                Self::write_busy(batch, &stack)?;
                Ok(stack.uid)
            })
            .await?;
        self.pulse.begin(ctx.account.as_str(), ctx.region.as_str(), &uid);
        Ok(())
    }

    /// What would change if a stack were to be of another configuration.
    pub(super) fn changes(
        &self,
        ctx: &Context,
        stack: &StackRow,
        config: &Config,
        new: &Prepared,
    ) -> Result<Vec<ChangeRow>, ApiError> {
        let rows: BTreeMap<String, ResourceRow> = core::resources(&*self.store.snapshot(), &stack.uid)?
            .into_iter()
            .map(|row| (row.logical_id.clone(), row))
            .collect();
        let old =
            if stack.config.template.is_empty() { None } else { prepared(self, stack, &stack.config).ok() };
        let old = old.as_ref().map(|old| (&stack.config, old));
        Plan { service: self, ctx, rows: &rows, old, config, new }.changes()
    }

    /// Whether anything at all would change, resources apart.
    pub(super) fn differs(
        &self,
        stack: &StackRow,
        config: &Config,
        new: &Prepared,
    ) -> Result<bool, ApiError> {
        let old = &stack.config;
        let outputs = |prepared: &Prepared| prepared.template().node().get("Outputs").map(Node::to_json);
        let before = prepared(self, stack, old)?;
        Ok(old.tags != config.tags
            || old.notifications != config.notifications
            || outputs(&before) != outputs(new)
            || before.conditions() != new.conditions() && outputs(new).is_some()
            || stack.status.ends_with("_FAILED"))
    }

    /// Makes a stack within another one.
    pub(crate) async fn create_nested(
        &self,
        ctx: &Context,
        name: &str,
        child: Beginning,
        (parent, root): (String, String),
    ) -> Result<String, ApiError> {
        let text = self.fetch(ctx, &child.url, limits::TEMPLATE_URL).await?;
        let mut stack = new_stack(ctx, name, self.clock.now().millis())?;
        let mut config = Config {
            tags: child.tags,
            capabilities: child.capabilities,
            notifications: child.notifications,
            role: child.role,
            ..Config::default()
        };
        let judged =
            self.judge(ctx, &stack, &mut config, (text, true), child.parameters).await.map_err(refusal)?;
        self.refuse_unknown(&judged.prepared)?;
        stack.parent = Some(parent);
        stack.root = Some(root);
        // The outermost stack removes what failed.
        let options = Options { keep: true, timeout: child.timeout, ..Options::default() };
        self.begin_create(ctx, stack, config, Some(judged.source.text), options).await
    }

    /// Changes a stack within another one.
    pub(crate) async fn update_nested(
        &self,
        ctx: &Context,
        id: &str,
        child: Beginning,
    ) -> Result<Change, ApiError> {
        let text = self.fetch(ctx, &child.url, limits::TEMPLATE_URL).await?;
        let stack = core::get(&*self.store.snapshot(), ctx, id)?;
        let mut config = Config {
            tags: child.tags,
            capabilities: child.capabilities,
            notifications: child.notifications,
            role: child.role,
            ..Config::default()
        };
        let judged =
            self.judge(ctx, &stack, &mut config, (text, true), child.parameters).await.map_err(refusal)?;
        let nothing = self.changes(ctx, &stack, &config, &judged.prepared)?.is_empty()
            && !self.differs(&stack, &config, &judged.prepared)?;
        if nothing {
            return Ok(Change::Nothing(Box::new(stack)));
        }
        self.begin_update(ctx, &stack, config, Some(judged.source), Options::default()).await?;
        Ok(Change::Begun)
    }

    /// Removes a stack within another one.
    pub(crate) async fn delete_nested(&self, ctx: &Context, id: &str) -> Result<(), ApiError> {
        self.begin_delete(ctx, id, None, Vec::new(), None).await
    }

    /// Properties nobody understands refuse a nested stack before it begins.
    fn refuse_unknown(&self, prepared: &Prepared) -> Result<(), ApiError> {
        match unknown_properties(|name| self.maker(name), prepared).first() {
            None => Ok(()),
            Some((logical, property)) => {
                Err(validation(format!("{logical}: Encountered unsupported property {property}")))
            }
        }
    }
}

/// Refuses references to secure parameters, which no type here takes.
pub(super) fn refuse_secure(prepared: &Prepared) -> Result<(), ApiError> {
    let mut places = Vec::new();
    for declared in prepared.template().resources() {
        let Some(properties) = declared.node.get("Properties") else { continue };
        let properties = properties.to_json();
        let mut found = Vec::new();
        references(&properties, &format!("{}/Properties", declared.kind), &mut found);
        let secure = found.into_iter().filter(|(_, reference)| is_secure(reference));
        places.extend(secure.map(|(path, _)| path));
    }
    if places.is_empty() {
        return Ok(());
    }
    Err(validation(format!("SSM Secure reference is not supported in: [{}]", places.join(","))))
}

/// The last tokens are enough to know a call that comes again.
fn keep_last(tokens: &mut Vec<(String, String)>) {
    let excess = tokens.len().saturating_sub(32);
    tokens.drain(..excess);
}

pub(super) fn already_exists(name: &str) -> ApiError {
    model::errors::already_exists_exception(format!("Stack [{name}] already exists"))
}

pub(super) fn cannot_update(stack: &StackRow) -> ApiError {
    validation(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status))
}

/// Refuses to delete what may not be deleted.
pub(super) fn refuse_protected(stack: &StackRow) -> Result<(), ApiError> {
    if stack.protected {
        return Err(validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    Ok(())
}
