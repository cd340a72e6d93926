//! `AWS::Logs::QueryDefinition`. `Ref` and `GetAtt QueryDefinitionId` are the id.

use std::sync::Arc;

use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::Value;

use super::{list, need, resource, text, unless_gone};
use crate::{
    LogGroups,
    live::kept::kind,
    model::{DeleteQueryDefinitionRequest, Logs, PutQueryDefinitionRequest, QueryParameter},
};

/// The handler.
pub struct DefinitionHandler(pub Arc<LogGroups>);

fn described(id: &str) -> Resource {
    resource(id.to_owned(), id, &[("QueryDefinitionId", id.to_owned())])
}

impl DefinitionHandler {
    async fn put(&self, ctx: &Context, id: Option<&str>, properties: &Value) -> Result<Resource, ApiError> {
        let parameter = |value: &Value| {
            Ok(QueryParameter {
                name: need(value, "Name")?,
                default_value: text(value, "DefaultValue"),
                description: text(value, "Description"),
            })
        };
        let parameters = properties.get("Parameters").and_then(Value::as_array);
        let parameters = parameters.map(|all| all.iter().map(parameter).collect::<Result<_, ApiError>>());
        let input = PutQueryDefinitionRequest {
            query_language: text(properties, "QueryLanguage"),
            name: need(properties, "Name")?,
            query_definition_id: id.map(str::to_owned),
            log_group_names: list(properties, "LogGroupNames"),
            query_string: need(properties, "QueryString")?,
            client_token: None,
            parameters: parameters.transpose()?,
        };
        let id = self.0.put_query_definition(ctx, input).await?.query_definition_id.unwrap_or_default();
        Ok(described(&id))
    }
}

impl ResourceHandler for DefinitionHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Logs::QueryDefinition"
    }
    fn properties(&self) -> &'static [&'static str] {
        &["LogGroupNames", "Name", "Parameters", "QueryLanguage", "QueryString"]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &[]
    }
    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        _: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.put(ctx, None, properties))
    }
    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.put(ctx, Some(id), after))
    }
    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let input = DeleteQueryDefinitionRequest { query_definition_id: id.to_owned() };
            unless_gone(self.0.delete_query_definition(ctx, input).await).map(drop)
        })
    }
    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move { Ok(self.0.core.kept(ctx, kind::QUERY_DEFINITION, id)?.map(|_| described(id))) })
    }
}
