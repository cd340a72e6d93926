//! `AWS::Logs::QueryDefinition`. `Ref` and `GetAtt QueryDefinitionId` are the id.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType},
};
use serde_json::Value;

use super::{required, text, texts, unless_gone};
use crate::{
    LogGroups,
    live::kept::kind,
    model::{DeleteQueryDefinitionRequest, Logs, PutQueryDefinitionRequest, QueryParameter},
};

/// The handler.
pub struct DefinitionHandler(pub Arc<LogGroups>);

fn described(id: &str) -> Resource {
    Resource::new(id).with("QueryDefinitionId", id)
}

impl DefinitionHandler {
    async fn put(
        &self,
        ctx: &Context,
        id: Option<&str>,
        token: Option<String>,
        properties: &Value,
    ) -> Result<Resource, ApiError> {
        let parameter = |value: &Value| {
            Ok(QueryParameter {
                name: required(value, "Name")?,
                default_value: text(value, "DefaultValue"),
                description: text(value, "Description"),
            })
        };
        let parameters = properties.get("Parameters").and_then(Value::as_array);
        let parameters = parameters.map(|all| all.iter().map(parameter).collect::<Result<_, ApiError>>());
        let input = PutQueryDefinitionRequest {
            query_language: text(properties, "QueryLanguage"),
            name: required(properties, "Name")?,
            query_definition_id: id.map(str::to_owned),
            log_group_names: properties.get("LogGroupNames").map(|_| texts(properties, "LogGroupNames")),
            query_string: required(properties, "QueryString")?,
            client_token: token,
            parameters: parameters.transpose()?,
        };
        let id = self.0.put_query_definition(ctx, input).await?.query_definition_id.unwrap_or_default();
        Ok(described(&id))
    }
}

impl ResourceType for DefinitionHandler {
    const NAME: &'static str = "AWS::Logs::QueryDefinition";
    const PROPERTIES: &'static [&'static str] =
        &["LogGroupNames", "Name", "Parameters", "QueryLanguage", "QueryString"];
    const REPLACING: &'static [&'static str] = &[];
    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        // The same once more after a crash is the same definition.
        let token = Some(origin.token.clone()).filter(|token| !token.is_empty());
        self.put(ctx, None, token, properties).await
    }
    async fn update(&self, ctx: &Context, id: &str, _: &Value, after: &Value) -> Result<Resource, ApiError> {
        self.put(ctx, Some(id), None, after).await
    }
    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let input = DeleteQueryDefinitionRequest { query_definition_id: id.to_owned() };
        unless_gone(self.0.delete_query_definition(ctx, input).await).map(drop)
    }
    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        Ok(self.0.core.kept(ctx, kind::QUERY_DEFINITION, id)?.map(|_| described(id)))
    }
}
