//! Whoever makes resources: the services' handlers, and the types of this service itself.

mod custom;
mod nested;
mod waiting;

pub(crate) use waiting::signals;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use moln_kernel::{
    ApiError,
    resources::{Origin, Resource, ResourceHandler, TagForm},
};
use serde_json::Value;

use crate::{Stacks, core::STACK, engine::Run, tables::ResourceRow};

/// The type of macros.
pub(crate) const MACRO: &str = "AWS::CloudFormation::Macro";

/// Why a resource could not be made, as its event says it.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

/// What another service refused.
impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let code = match error.code.as_ref() {
            code if code.contains("AlreadyExist")
                || code.contains("AlreadyOwned")
                || code.contains("Conflict") =>
            {
                "AlreadyExists"
            }
            code if code.contains("NotFound") || code.contains("NoSuch") || code.contains("NonExistent") => {
                "NotFound"
            }
            code if code.contains("Limit") => "ServiceLimitExceeded",
            code if code.contains("AccessDenied") => "AccessDenied",
            _ if error.status >= 500 => "ServiceInternalError",
            _ => "InvalidRequest",
        };
        let token = moln_kernel::ids::Uuid::random();
        Self(format!(
            "Resource handler returned message: \"{}\" (RequestToken: {token}, HandlerErrorCode: {code})",
            error.message
        ))
    }
}

/// Whoever makes a resource.
#[derive(Clone)]
pub(crate) enum Maker {
    /// A service's handler.
    Handler(Arc<dyn ResourceHandler>),
    /// `AWS::CloudFormation::Stack`
    Stack,
    /// `AWS::CloudFormation::CustomResource`, `Custom::*`
    Custom,
    /// `AWS::CloudFormation::WaitConditionHandle`
    WaitHandle,
    /// `AWS::CloudFormation::WaitCondition`
    WaitCondition,
    /// `AWS::CDK::Metadata`, which is nothing.
    Metadata,
    /// `AWS::CloudFormation::Macro`, which is a name for a function.
    Macro,
}

impl Stacks {
    /// Who makes resources of a type; `None`: nobody.
    pub(crate) fn maker(&self, type_name: &str) -> Option<Maker> {
        Some(match type_name {
            STACK => Maker::Stack,
            "AWS::CloudFormation::CustomResource" => Maker::Custom,
            name if name.starts_with("Custom::") => Maker::Custom,
            "AWS::CloudFormation::WaitConditionHandle" => Maker::WaitHandle,
            "AWS::CloudFormation::WaitCondition" => Maker::WaitCondition,
            "AWS::CDK::Metadata" => Maker::Metadata,
            MACRO => Maker::Macro,
            name => Maker::Handler(Arc::clone(self.types.get(name)?)),
        })
    }
}

/// A resource that is nothing but its name.
fn named(id: &str) -> Resource {
    Resource { id: id.to_owned(), reference: id.to_owned(), attributes: BTreeMap::new() }
}

/// `STACK-LOGICALID-SUFFIX`
fn generated(origin: &Origin) -> String {
    format!("{}-{}-{}", origin.stack, origin.logical_id, origin.suffix(12))
}

impl Maker {
    /// The properties it understands; `None`: any.
    pub(crate) fn properties(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::Handler(handler) => Some(handler.properties()),
            Self::Stack => Some(nested::PROPERTIES),
            Self::Custom => None,
            Self::WaitHandle => Some(&[]),
            Self::WaitCondition => Some(&["Count", "Handle", "Timeout"]),
            Self::Metadata => Some(&["Analytics"]),
            Self::Macro => Some(&["Description", "FunctionName", "LogGroupName", "LogRoleARN", "Name"]),
        }
    }

    /// The properties whose change makes another resource.
    pub(crate) fn replacing(&self) -> &'static [&'static str] {
        match self {
            Self::Handler(handler) => handler.replacing(),
            Self::Custom => &["ServiceToken"],
            Self::Macro => &["Name"],
            Self::Stack | Self::WaitHandle | Self::WaitCondition | Self::Metadata => &[],
        }
    }

    /// Whether a change of properties makes another resource.
    pub(crate) fn replaces(&self, before: &Value, after: &Value) -> bool {
        match self {
            Self::Handler(handler) => handler.replaces(before, after),
            // Whoever answers says so, by another physical id.
            Self::Custom => false,
            other => other.replacing().iter().any(|name| before.get(name) != after.get(name)),
        }
    }

    /// How it writes tags.
    pub(crate) fn tag_form(&self) -> Option<TagForm> {
        match self {
            Self::Handler(handler) => handler.tag_form(),
            _ => None,
        }
    }

    /// What a create makes, when it is there already.
    pub(crate) async fn find(
        &self,
        run: &Run,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, Refusal> {
        match self {
            Self::Handler(handler) => {
                let properties = run.service.resolved(&run.ctx, properties).await?;
                Ok(handler.find(&run.ctx, origin, &properties).await?)
            }
            _ => Ok(None),
        }
    }

    /// Makes it. `again`: an earlier try was cut off.
    pub(crate) async fn create(
        &self,
        run: &Arc<Run>,
        row: &ResourceRow,
        again: bool,
    ) -> Result<Resource, Refusal> {
        let origin = Origin {
            stack: run.stack.name.clone(),
            logical_id: row.logical_id.clone(),
            token: row.token.clone(),
        };
        match self {
            Self::Handler(handler) => {
                let properties = run.service.resolved(&run.ctx, &row.properties).await?;
                if again && let Some(found) = handler.find(&run.ctx, &origin, &properties).await? {
                    // It is ours, whatever becomes of it: a failure leads to its removal.
                    let mut known = run.current(row);
                    known.physical_id.clone_from(&found.id);
                    known.reference.clone_from(&found.reference);
                    run.remember(known).await?;
                    let nothing = Value::Object(serde_json::Map::new());
                    return Ok(handler.update(&run.ctx, &found.id, &nothing, &properties).await?);
                }
                Ok(handler.create(&run.ctx, &origin, &properties).await?)
            }
            Self::Stack => nested::create(run, &origin, row).await,
            Self::Custom => custom::create(run, row).await,
            Self::WaitHandle => Ok(waiting::handle(run, row)),
            Self::WaitCondition => waiting::condition(run, row).await,
            Self::Metadata => Ok(named(&generated(&origin))),
            Self::Macro => {
                let name = row.properties.get("Name").and_then(Value::as_str);
                Ok(named(name.ok_or_else(|| Refusal("Property Name cannot be empty.".to_owned()))?))
            }
        }
    }

    /// Changes it in place. `row` has its properties after the change.
    pub(crate) async fn update(
        &self,
        run: &Arc<Run>,
        row: &ResourceRow,
        before: &Value,
    ) -> Result<Resource, Refusal> {
        let same = || Resource {
            id: row.physical_id.clone(),
            reference: row.reference.clone(),
            attributes: row.attributes.clone(),
        };
        match self {
            Self::Handler(handler) => {
                // What cannot be resolved was never set: whatever comes differs from it.
                let written = Cow::Borrowed(before);
                let before = run.service.resolved(&run.ctx, before).await.unwrap_or(written);
                let after = run.service.resolved(&run.ctx, &row.properties).await?;
                Ok(handler.update(&run.ctx, &row.physical_id, &before, &after).await?)
            }
            Self::Stack => nested::update(run, row).await,
            Self::Custom => custom::update(run, row, before).await,
            Self::WaitCondition => Err(Refusal(
                "Update to resource type AWS::CloudFormation::WaitCondition is not supported.".to_owned(),
            )),
            Self::WaitHandle | Self::Metadata | Self::Macro => Ok(same()),
        }
    }

    /// Removes it.
    pub(crate) async fn delete(&self, run: &Arc<Run>, row: &ResourceRow) -> Result<(), Refusal> {
        match self {
            Self::Handler(handler) => {
                let written = Cow::Borrowed(&row.properties);
                // A secret that is gone keeps nothing alive.
                let properties = run.service.resolved(&run.ctx, &row.properties).await.unwrap_or(written);
                Ok(handler.delete(&run.ctx, &row.physical_id, &properties).await?)
            }
            Self::Stack => nested::delete(run, row).await,
            Self::Custom => custom::delete(run, row).await,
            Self::WaitHandle | Self::WaitCondition | Self::Metadata | Self::Macro => Ok(()),
        }
    }
}
