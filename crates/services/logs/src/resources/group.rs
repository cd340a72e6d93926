//! `AWS::Logs::LogGroup`. `Ref` is the name; `GetAtt` knows `Arn`.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::{Value, json};

use super::{flag, name_of, number, retagged, tag_list, tags, text, unless_gone};
use crate::{
    LogGroups,
    model::{
        AssociateKmsKeyRequest, CreateLogGroupRequest, DeleteLogGroupRequest, DeleteRetentionPolicyRequest,
        DisassociateKmsKeyRequest, Logs, PutLogGroupDeletionProtectionRequest, PutRetentionPolicyRequest,
        TagLogGroupRequest, UntagLogGroupRequest,
    },
};

/// The handler.
pub struct GroupHandler(pub Arc<LogGroups>);

impl GroupHandler {
    fn find(&self, ctx: &Context, name: &str) -> Result<Resource, ApiError> {
        let group = self.0.group(ctx, name)?;
        Ok(Resource::new(name).with("Arn", format!("{}:*", group.arn())))
    }

    async fn retain(&self, ctx: &Context, name: &str, days: Option<i32>) -> Result<(), ApiError> {
        let log_group_name = name.to_owned();
        if let Some(retention_in_days) = days {
            let input = PutRetentionPolicyRequest { log_group_name, retention_in_days };
            self.0.put_retention_policy(ctx, input).await
        } else {
            self.0.delete_retention_policy(ctx, DeleteRetentionPolicyRequest { log_group_name }).await
        }
    }

    async fn change(&self, ctx: &Context, name: &str, before: &Value, after: &Value) -> Result<(), ApiError> {
        let days = number(after, "RetentionInDays")?;
        if number(before, "RetentionInDays")? != days {
            self.retain(ctx, name, days).await?;
        }
        let (old, new) = (text(before, "KmsKeyId"), text(after, "KmsKeyId"));
        if old != new {
            let log_group_name = Some(name.to_owned());
            if let Some(kms_key_id) = new {
                let input = AssociateKmsKeyRequest { log_group_name, kms_key_id, resource_identifier: None };
                self.0.associate_kms_key(ctx, input).await?;
            } else {
                let input = DisassociateKmsKeyRequest { log_group_name, resource_identifier: None };
                self.0.disassociate_kms_key(ctx, input).await?;
            }
        }
        let protected = |properties| flag(properties, "DeletionProtectionEnabled").unwrap_or_default();
        if protected(before) != protected(after) {
            let input = PutLogGroupDeletionProtectionRequest {
                log_group_identifier: name.to_owned(),
                deletion_protection_enabled: protected(after),
            };
            self.0.put_log_group_deletion_protection(ctx, input).await?;
        }
        let (gone, new) = retagged(before, after);
        let log_group_name = name.to_owned();
        if !gone.is_empty() {
            let input = UntagLogGroupRequest { log_group_name: log_group_name.clone(), tags: gone };
            self.0.untag_log_group(ctx, input).await?;
        }
        if !new.is_empty() {
            self.0.tag_log_group(ctx, TagLogGroupRequest { log_group_name, tags: new }).await?;
        }
        Ok(())
    }
}

impl ResourceType for GroupHandler {
    const NAME: &'static str = "AWS::Logs::LogGroup";
    const PROPERTIES: &'static [&'static str] = &[
        "DeletionProtectionEnabled",
        "KmsKeyId",
        "LogGroupClass",
        "LogGroupName",
        "RetentionInDays",
        "Tags",
    ];
    const REPLACING: &'static [&'static str] = &["LogGroupClass", "LogGroupName"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let name = name_of(origin, properties, "LogGroupName");
        let (tags, days) = (tags(properties), number(properties, "RetentionInDays")?);
        let input = CreateLogGroupRequest {
            log_group_name: name.clone(),
            kms_key_id: text(properties, "KmsKeyId"),
            tags: (!tags.is_empty()).then_some(tags),
            log_group_class: text(properties, "LogGroupClass"),
            deletion_protection_enabled: None,
        };
        self.0.create_log_group(ctx, input).await?;
        // Whole or not at all: what follows can fail for a value of the template.
        let mut rest = Ok(());
        if days.is_some() {
            rest = self.retain(ctx, &name, days).await;
        }
        if rest.is_ok() && flag(properties, "DeletionProtectionEnabled") == Some(true) {
            let input = PutLogGroupDeletionProtectionRequest {
                log_group_identifier: name.clone(),
                deletion_protection_enabled: true,
            };
            rest = self.0.put_log_group_deletion_protection(ctx, input).await;
        }
        if let Err(error) = rest {
            let input = DeleteLogGroupRequest { log_group_name: name };
            if let Err(why) = self.0.delete_log_group(ctx, input).await {
                tracing::warn!(error = %why, "a log group that was made in part could not be removed");
            }
            return Err(error);
        }
        self.find(ctx, &name)
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let name = name_of(origin, properties, "LogGroupName");
        self.read(ctx, &name).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        self.change(ctx, id, before, after).await?;
        self.find(ctx, id)
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let input = DeleteLogGroupRequest { log_group_name: id.to_owned() };
        unless_gone(self.0.delete_log_group(ctx, input).await).map(drop)
    }

    async fn live(&self, ctx: &Context, id: &str, _: &Value) -> Result<Option<Value>, ApiError> {
        let meta = self.0.group(ctx, id)?.meta();
        let row = &meta.row;
        Ok(Some(json!({
            "DeletionProtectionEnabled": row.deletion_protection,
            "KmsKeyId": row.kms_key,
            "LogGroupClass": row.class,
            "LogGroupName": id,
            "RetentionInDays": row.retention_days,
            "Tags": tag_list(&row.tags),
        })))
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        unless_gone(self.find(ctx, id))
    }
}
