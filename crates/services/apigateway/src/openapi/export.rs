//! Documents from APIs.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use serde_json::{Map, Value, json};

use super::{CORS, INTEGRATION, METHODS, TAG_VALUE, security, yaml};
use crate::{
    Apis, errors,
    model::{ExportApiRequest, ExportApiResponse, Integration, Route},
    recast,
    serve::RouteKey,
    state::{Definition, Entry},
};

impl Apis {
    /// The document of an API, or of what a stage serves.
    pub(crate) fn export_document(
        &self,
        ctx: &Context,
        input: &ExportApiRequest,
    ) -> Result<ExportApiResponse, ApiError> {
        let entry = self.entry(ctx, &input.api_id)?;
        if entry.definition.api.protocol_type != "HTTP" {
            return Err(errors::bad_request("Export is supported only for HTTP protocol type"));
        }
        if input.specification != "OAS30" {
            return Err(errors::bad_request("Specification must be OAS30"));
        }
        if input.export_version.as_deref().is_some_and(|version| version != "1.0") {
            return Err(errors::bad_request("ExportVersion must be 1.0"));
        }
        let definition = match &input.stage_name {
            None => Arc::clone(&entry.definition),
            Some(name) => {
                let stage = entry.stages.get(name).ok_or_else(|| errors::no_such("stage"))?;
                let served = entry.served(stage).cloned();
                served.ok_or_else(|| errors::bad_request("The stage has no deployment"))?
            }
        };
        let document =
            export(&entry, &definition, input.stage_name.as_deref(), input.include_extensions != Some(false));
        let text = match input.output_type.as_str() {
            "JSON" => serde_json::to_string_pretty(&document).unwrap_or_default(),
            "YAML" => yaml::write(&document),
            _ => return Err(errors::bad_request("OutputType must be JSON or YAML")),
        };
        Ok(ExportApiResponse { body: Some(text.into_bytes().into()) })
    }
}

fn export(entry: &Entry, definition: &Definition, stage: Option<&str>, extensions: bool) -> Value {
    let api = &definition.api;
    let mut info = Map::from_iter([("title".to_owned(), api.name.clone().into())]);
    for (name, value) in [("description", &api.description), ("version", &api.version)] {
        if let Some(value) = value {
            info.insert(name.to_owned(), value.clone().into());
        }
    }
    // The format demands a version.
    info.entry("version").or_insert_with(|| "1.0".into());
    let mut paths: Map<String, Value> = Map::new();
    for route in definition.routes.values() {
        let (method, path) = match route.route_key.split_once(' ') {
            Some((method, path)) => (method, path),
            None => ("ANY", "/$default"),
        };
        let Some((name, _)) = METHODS.iter().find(|(_, known)| *known == method) else { continue };
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        recast::set(methods, name, operation(definition, route, extensions));
    }
    let suffix =
        stage.filter(|stage| *stage != "$default").map_or(String::new(), |stage| format!("/{stage}"));
    let mut document = json!({
        "openapi": "3.0.1",
        "info": info,
        "servers": [{"url": format!("{}{suffix}", entry.definition.api.api_endpoint.as_deref().unwrap_or_default())}],
        "paths": paths,
    });
    let tags: Vec<Value> =
        api.tags.iter().flatten().map(|(name, value)| json!({"name": name, TAG_VALUE: value})).collect();
    if !tags.is_empty() {
        recast::set(&mut document, "tags", tags);
    }
    if extensions {
        let schemes = security::export(definition);
        if !schemes.is_empty() {
            recast::set(&mut document, "components", json!({"securitySchemes": schemes}));
        }
        if let Some(cors) = &api.cors_configuration {
            let cors: Value = serde_json::from_str(&recast::json(cors)).unwrap_or_default();
            recast::set(&mut document, CORS, cors);
        }
        recast::set(&mut document, "x-amazon-apigateway-importexport-version", "1.0");
    }
    document
}

fn operation(definition: &Definition, route: &Route, extensions: bool) -> Value {
    let default = json!({"description": "Default response for the operation"});
    let mut operation = json!({"responses": {"default": default}});
    if let Some(name) = &route.operation_name {
        recast::set(&mut operation, "operationId", name.clone());
    }
    if route.route_key == "$default" {
        recast::set(&mut operation, "isDefaultRoute", true);
    }
    let names = RouteKey::path(&route.route_key).split('/').filter_map(|segment| {
        segment.strip_prefix('{')?.strip_suffix('}').map(|name| name.trim_end_matches('+'))
    });
    let parameters: Vec<Value> = names
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    if !parameters.is_empty() {
        recast::set(&mut operation, "parameters", parameters);
    }
    if let Some(demand) = security::demand(definition, route).filter(|_| extensions) {
        recast::set(&mut operation, "security", demand);
    }
    let target = route.target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
    if let Some(integration) = target.and_then(|id| definition.integrations.get(id)).filter(|_| extensions) {
        recast::set(&mut operation, INTEGRATION, integrated(integration));
    }
    operation
}

fn integrated(integration: &Integration) -> Value {
    let mut members: Map<String, Value> =
        serde_json::from_str(&recast::json(integration)).unwrap_or_default();
    for gone in ["integrationId", "apiGatewayManaged"] {
        members.remove(gone);
    }
    for (from, to) in
        [("integrationUri", "uri"), ("integrationMethod", "httpMethod"), ("credentialsArn", "credentials")]
    {
        if let Some(value) = members.remove(from) {
            members.insert(to.to_owned(), value);
        }
    }
    let kind = members.remove("integrationType").unwrap_or_default();
    members.insert("type".to_owned(), kind.as_str().unwrap_or_default().to_ascii_lowercase().into());
    Value::Object(members)
}
