//! Query definitions: kept and given back.

use moln_kernel::{ApiError, Context, ids::Uuid};

use super::lookup::{limit, millis, page};
use crate::{
    LogGroups, errors,
    limits::{DESCRIBE_ROWS, QUERY_DEFINITIONS},
    live::kept::kind,
    model::{
        DeleteQueryDefinitionResponse, DescribeQueryDefinitionsRequest, DescribeQueryDefinitionsResponse,
        PutQueryDefinitionRequest, PutQueryDefinitionResponse, QueryDefinition, QueryParameter,
    },
    tables::kept::Kept,
};

/// Rows of one page, when the request does not say.
const ROWS: usize = DESCRIBE_ROWS;

impl LogGroups {
    pub(crate) async fn keep_definition(
        &self,
        ctx: &Context,
        input: PutQueryDefinitionRequest,
    ) -> Result<PutQueryDefinitionResponse, ApiError> {
        let _turn = self.core.changing.lock().await;
        let now = self.core.clock.now().millis();
        let all = self.core.all_kept(ctx, kind::QUERY_DEFINITION, "")?;
        let by_token = input.client_token.as_ref().filter(|_| input.query_definition_id.is_none());
        let repeated = by_token.and_then(|token| {
            all.iter()
                .find(|(_, row)| row.text("clientToken").as_ref() == Some(token))
                .map(|(id, _)| id.clone())
        });
        if let Some(id) = repeated {
            return Ok(PutQueryDefinitionResponse { query_definition_id: Some(id) });
        }
        let id = match input.query_definition_id {
            Some(id) if all.iter().any(|(known, _)| *known == id) => id,
            Some(_) => return Err(no_definition()),
            None if all.len() >= QUERY_DEFINITIONS => return Err(errors::limit_exceeded()),
            None => Uuid::random().to_string(),
        };
        let parameters = input.parameters.map(|parameters| {
            let text =
                |p: QueryParameter| serde_json::json!([p.name, p.default_value, p.description]).to_string();
            parameters.into_iter().map(text).collect()
        });
        let mut row = Kept { created: now, changed: now, ..Kept::default() };
        row.set("name", Some(input.name))
            .set("queryString", Some(input.query_string))
            .set("queryLanguage", input.query_language)
            .set("clientToken", input.client_token)
            .set_list("logGroupNames", input.log_group_names)
            .set_list("parameters", parameters);
        self.core.keep(ctx, kind::QUERY_DEFINITION, &id, &row).await?;
        Ok(PutQueryDefinitionResponse { query_definition_id: Some(id) })
    }

    pub(crate) async fn forget_definition(
        &self,
        ctx: &Context,
        id: &str,
    ) -> Result<DeleteQueryDefinitionResponse, ApiError> {
        let _turn = self.core.changing.lock().await;
        if !self.core.forget(ctx, kind::QUERY_DEFINITION, id).await? {
            return Err(no_definition());
        }
        Ok(DeleteQueryDefinitionResponse { success: Some(true) })
    }

    pub(crate) fn list_definitions(
        &self,
        ctx: &Context,
        input: &DescribeQueryDefinitionsRequest,
    ) -> Result<DescribeQueryDefinitionsResponse, ApiError> {
        let prefix = input.query_definition_name_prefix.as_deref().unwrap_or_default();
        let language = input.query_language.as_deref();
        let scope = [
            "DescribeQueryDefinitions",
            ctx.account.as_str(),
            ctx.region.as_str(),
            prefix,
            language.unwrap_or_default(),
        ];
        let after = self.text_cursor(&scope, input.next_token.as_deref())?;
        let mut rows = self.core.all_kept(ctx, kind::QUERY_DEFINITION, "")?;
        rows.retain(|(id, row)| {
            row.text("name").is_some_and(|name| name.starts_with(prefix))
                && language
                    .is_none_or(|wanted| row.text("queryLanguage").as_deref().unwrap_or("CWLI") == wanted)
                && after.as_ref().is_none_or(|after| id > after)
        });
        let (rows, last) = page(rows, limit(input.max_results, ROWS));
        let definitions = rows.iter().map(|(id, row)| definition(id, row)).collect();
        let next_token = last.map(|id| self.core.pagination.seal(&scope, id.as_bytes()));
        Ok(DescribeQueryDefinitionsResponse { query_definitions: Some(definitions), next_token })
    }
}

fn no_definition() -> ApiError {
    errors::not_found("The specified query definition does not exist.")
}

fn definition(id: &str, row: &Kept) -> QueryDefinition {
    let parameter = |text: &String| {
        let (name, default_value, description): (String, Option<String>, Option<String>) =
            serde_json::from_str(text).ok()?;
        Some(QueryParameter { name, default_value, description })
    };
    let parameters = row.list("parameters").map(|all| all.iter().filter_map(parameter).collect());
    QueryDefinition {
        query_language: Some(row.text("queryLanguage").unwrap_or_else(|| "CWLI".to_owned())),
        query_definition_id: Some(id.to_owned()),
        name: row.text("name"),
        query_string: row.text("queryString"),
        last_modified: Some(millis(row.changed)),
        log_group_names: row.list("logGroupNames"),
        parameters,
    }
}
