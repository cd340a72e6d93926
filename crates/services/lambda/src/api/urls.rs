//! Function URLs, as they are set. Who answers there is elsewhere.

use std::sync::Arc;

use moln_kernel::{ApiError, Context, encoding::hex, ids};
use moln_store::Batch;

use crate::{
    Lambda, errors, limits, model as m,
    names::{LATEST, Named},
    state::Address,
    tables::{CorsRow, UrlRow},
};

fn nothing() -> ApiError {
    errors::not_found("The resource you requested does not exist.")
}

fn cors_row(cors: m::Cors) -> CorsRow {
    CorsRow {
        allow_credentials: cors.allow_credentials,
        allow_headers: cors.allow_headers,
        allow_methods: cors.allow_methods,
        allow_origins: cors.allow_origins,
        expose_headers: cors.expose_headers,
        max_age: cors.max_age,
    }
}

fn cors(row: &CorsRow) -> m::Cors {
    m::Cors {
        allow_credentials: row.allow_credentials,
        allow_headers: row.allow_headers.clone(),
        allow_methods: row.allow_methods.clone(),
        allow_origins: row.allow_origins.clone(),
        expose_headers: row.expose_headers.clone(),
        max_age: row.max_age,
    }
}

/// A moment as URLs tell it.
fn moment(millis: u64) -> String {
    super::describe::moment(millis).replace("+0000", "Z")
}

/// The words of a qualifier that names no alias. Elsewhere the model's pattern says it; here it does not know the last part.
fn check_alias(qualifier: Option<&str>) -> Result<(), ApiError> {
    match qualifier {
        Some(text) if text == LATEST || text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(errors::validation(format!(
                "1 validation error detected: Value '{text}' at 'qualifier' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"
            )))
        }
        _ => Ok(()),
    }
}

fn key(named: &Named) -> String {
    named.qualifier.clone().unwrap_or_else(|| LATEST.to_owned())
}

fn arn(address: &Address, key: &str) -> String {
    if key == LATEST { address.arn() } else { format!("{}:{key}", address.arn()) }
}

impl Lambda {
    /// Where a URL is: at our own address, or at the name that resolves to this machine.
    fn url(ctx: &Context, address: &Address, id: &str) -> String {
        let authority = &*ctx.endpoint.authority;
        let port = authority
            .rsplit_once(':')
            .map(|(_, port)| port)
            .filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
        let host = format!("{id}.lambda-url.{}.localhost.localstack.cloud", address.region);
        match port {
            Some(port) => format!("{}://{host}:{port}/", ctx.endpoint.scheme),
            None => format!("{}://{host}/", ctx.endpoint.scheme),
        }
    }

    fn tell_url(ctx: &Context, address: &Address, key: &str, row: &UrlRow) -> m::FunctionUrlConfig {
        m::FunctionUrlConfig {
            function_url: Self::url(ctx, address, &row.id),
            function_arn: arn(address, key),
            creation_time: moment(row.created),
            last_modified_time: moment(row.modified),
            cors: row.cors.as_ref().map(cors),
            auth_type: row.auth_type.clone(),
            invoke_mode: Some(row.invoke_mode.clone()),
        }
    }

    pub(super) async fn new_url(
        &self,
        ctx: &Context,
        input: m::CreateFunctionUrlConfigRequest,
    ) -> Result<m::CreateFunctionUrlConfigResponse, ApiError> {
        check_alias(input.qualifier.as_deref())?;
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let change = self.registry.change(&named.address).await;
        let before = change.before.clone().ok_or_else(no_function)?;
        let key = key(&named);
        if key != LATEST && !before.aliases.contains_key(&key) {
            return Err(no_function());
        }
        if before.urls.contains_key(&key) {
            return Err(errors::conflict(format!(
                "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists for \
                 this Lambda function",
                arn(&named.address, &key)
            )));
        }
        let now = self.clock.now().millis();
        let id = match before.function.tags.get("_custom_id_").filter(|id| is_label(id)) {
            Some(id) if self.registry.by_url(id).is_none() => id.clone(),
            _ => hex(&ids::secret::<16>()?),
        };
        let asked_mode = input.invoke_mode.clone();
        let row = UrlRow {
            id,
            created: now,
            modified: now,
            auth_type: input.auth_type,
            mode_chosen: input.invoke_mode.is_some(),
            invoke_mode: input.invoke_mode.unwrap_or_else(|| "BUFFERED".to_owned()),
            cors: input.cors.map(cors_row),
        };
        let told = Self::tell_url(ctx, &named.address, &key, &row);
        let mut after = (*before).clone();
        after.urls.insert(key, Arc::new(row));
        change.commit(Batch::default(), Some(after)).await?;
        Ok(m::CreateFunctionUrlConfigResponse {
            function_url: told.function_url,
            function_arn: told.function_arn,
            auth_type: told.auth_type,
            cors: told.cors,
            creation_time: told.creation_time,
            invoke_mode: asked_mode,
        })
    }

    pub(super) fn url_config(
        &self,
        ctx: &Context,
        input: &m::GetFunctionUrlConfigRequest,
    ) -> Result<m::GetFunctionUrlConfigResponse, ApiError> {
        check_alias(input.qualifier.as_deref())?;
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let function = self.registry.find(&named.address).ok_or_else(nothing)?;
        let (facts, key) = (function.facts(), key(&named));
        let row = facts.urls.get(&key).ok_or_else(nothing)?;
        let told = Self::tell_url(ctx, &named.address, &key, row);
        Ok(m::GetFunctionUrlConfigResponse {
            function_url: told.function_url,
            function_arn: told.function_arn,
            auth_type: told.auth_type,
            cors: told.cors,
            creation_time: told.creation_time,
            last_modified_time: told.last_modified_time,
            invoke_mode: told.invoke_mode,
        })
    }

    pub(super) async fn change_url(
        &self,
        ctx: &Context,
        input: m::UpdateFunctionUrlConfigRequest,
    ) -> Result<m::UpdateFunctionUrlConfigResponse, ApiError> {
        check_alias(input.qualifier.as_deref())?;
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let change = self.registry.change(&named.address).await;
        let before = change.before.clone().ok_or_else(no_function)?;
        let key = key(&named);
        if key != LATEST && !before.aliases.contains_key(&key) {
            return Err(no_function());
        }
        let old = before.urls.get(&key).ok_or_else(nothing)?;
        let mut row = (**old).clone();
        if let Some(auth_type) = input.auth_type {
            row.auth_type = auth_type;
        }
        if let Some(mode) = input.invoke_mode {
            (row.invoke_mode, row.mode_chosen) = (mode, true);
        }
        if let Some(cors) = input.cors {
            row.cors = Some(cors_row(cors)).filter(|cors| *cors != CorsRow::default());
        }
        row.modified = self.clock.now().millis();
        let told_mode = row.mode_chosen.then(|| row.invoke_mode.clone());
        let told = Self::tell_url(ctx, &named.address, &key, &row);
        let mut after = (*before).clone();
        after.urls.insert(key, Arc::new(row));
        change.commit(Batch::default(), Some(after)).await?;
        Ok(m::UpdateFunctionUrlConfigResponse {
            function_url: told.function_url,
            function_arn: told.function_arn,
            auth_type: told.auth_type,
            cors: told.cors,
            creation_time: told.creation_time,
            last_modified_time: told.last_modified_time,
            invoke_mode: told_mode,
        })
    }

    pub(super) async fn drop_url(
        &self,
        ctx: &Context,
        input: &m::DeleteFunctionUrlConfigRequest,
    ) -> Result<(), ApiError> {
        check_alias(input.qualifier.as_deref())?;
        let named = Self::named(ctx, &input.function_name, input.qualifier.as_deref())?;
        let change = self.registry.change(&named.address).await;
        let before = change.before.clone().ok_or_else(nothing)?;
        let mut after = (*before).clone();
        after.urls.remove(&key(&named)).ok_or_else(nothing)?;
        change.commit(Batch::default(), Some(after)).await?;
        Ok(())
    }

    pub(super) fn list_urls(
        &self,
        ctx: &Context,
        input: &m::ListFunctionUrlConfigsRequest,
    ) -> Result<m::ListFunctionUrlConfigsResponse, ApiError> {
        let named = Self::named(ctx, &input.function_name, None)?;
        let function = self.registry.find(&named.address).ok_or_else(no_function)?;
        let facts = function.facts();
        let scope = ["ListFunctionUrlConfigs", &*function.arn];
        let after = self.after(&scope, input.marker.as_deref())?;
        let rows: Vec<_> = facts.urls.iter().filter(|(key, _)| **key > after).collect();
        let (rows, next_marker) =
            self.page(&scope, rows, input.max_items, limits::PAGE, |(key, _)| (*key).clone());
        let configs =
            rows.into_iter().map(|(key, row)| Self::tell_url(ctx, &named.address, key, row)).collect();
        Ok(m::ListFunctionUrlConfigsResponse { function_url_configs: configs, next_marker })
    }
}

fn no_function() -> ApiError {
    errors::not_found("Function does not exist")
}

/// What can be a label of a host.
fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
