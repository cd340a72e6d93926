//! APIs from documents.

use std::collections::BTreeMap;

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;
use serde_json::{Map, Value};

use super::{
    CORS, INTEGRATION, INTEGRATIONS, METHODS, TAG_VALUE,
    security::{self, Guards},
};
use crate::{
    Apis, api, errors, limits,
    model::{Api_ as Api, Authorizer, Cors, ImportApiRequest, Integration, Route},
    recast::{of_value, recast},
    state::Draft,
};

impl Apis {
    /// Makes an API of a document, or puts the document in the place of the one at `at`.
    pub(crate) async fn import_document<O: Shape + Send>(
        &self,
        ctx: &Context,
        (at, there): (Option<&str>, bool),
        input: ImportApiRequest,
    ) -> Result<O, ApiError> {
        let document = read(&input.body)?;
        let base = base_path(&document, input.basepath.as_deref())?;
        let strict = input.fail_on_warnings == Some(true);
        let take = |draft: &mut Draft| {
            clear(draft)?;
            import(draft, &document, &base, strict)?;
            recast(&*draft.definition.api)
        };
        match at {
            Some(id) if there => self.change(ctx, id, take).await,
            _ => self.make(ctx, at, take).await,
        }
    }
}

fn bad(words: impl std::fmt::Display) -> ApiError {
    errors::bad_request(format!("Unable to import API: {words}"))
}

/// A document, in JSON or YAML.
fn read(text: &str) -> Result<Value, ApiError> {
    if text.len() > limits::DOCUMENT {
        return Err(bad(format_args!("the document is longer than {} bytes", limits::DOCUMENT)));
    }
    let document = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(_) => moln_deploy::document::read(text).map_err(|why| bad(why.text))?.to_json(),
    };
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.") {
        return Err(bad("the document is not OpenAPI 3"));
    }
    Ok(document)
}

/// What is put before every path.
fn base_path(document: &Value, wanted: Option<&str>) -> Result<String, ApiError> {
    match wanted.unwrap_or("ignore") {
        "ignore" | "" => Ok(String::new()),
        "prepend" => {
            let server = document.pointer("/servers/0");
            let url = server.and_then(|server| server.get("url")).and_then(Value::as_str).unwrap_or_default();
            let base = server.and_then(|server| server.pointer("/variables/basePath/default"));
            let path = match base.and_then(Value::as_str) {
                Some(path) => path.to_owned(),
                None => url
                    .split_once("://")
                    .map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path))
                    .to_owned(),
            };
            let path = path.trim_matches('/');
            Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
        }
        "split" => Err(errors::not_built("importing with basepath=split")),
        other => Err(errors::bad_request(format!("Invalid basepath {other}"))),
    }
}

/// Removes what a document puts its own in the place of.
fn clear(draft: &mut Draft) -> Result<(), ApiError> {
    let routes: Vec<_> = draft.definition.routes.keys().cloned().collect();
    let integrations: Vec<_> = draft.definition.integrations.keys().cloned().collect();
    let authorizers: Vec<_> = draft.definition.authorizers.keys().cloned().collect();
    routes.iter().try_for_each(|id| draft.remove::<Route>(id))?;
    integrations.iter().try_for_each(|id| draft.remove::<Integration>(id))?;
    authorizers.iter().try_for_each(|id| draft.remove::<Authorizer>(id))
}

fn import(draft: &mut Draft, document: &Value, base: &str, strict: bool) -> Result<(), ApiError> {
    let mut warnings = Vec::new();
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut fresh = Api {
        name: text("/info/title").ok_or_else(|| bad("info.title is missing"))?,
        description: text("/info/description"),
        version: text("/info/version"),
        protocol_type: "HTTP".to_owned(),
        cors_configuration: document.get(CORS).map(cors).transpose()?,
        tags: Some(tags(document)),
        created_date: draft.definition.api.created_date,
        disable_execute_api_endpoint: document
            .pointer("/x-amazon-apigateway-endpoint-configuration/disableExecuteApiEndpoint")
            .and_then(Value::as_bool),
        ..Api::default()
    };
    let created = fresh.created_date;
    api::complete(draft, &mut fresh);
    if created.is_some() {
        fresh.created_date = created;
    }
    api::check_api(&fresh)?;
    draft.put_api(fresh.clone())?;
    let guards = security::import(draft, document)?;
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, key) in METHODS {
            let Some(operation) = methods.get(method) else { continue };
            let key = if path == "/$default" || operation.get("isDefaultRoute") == Some(&Value::Bool(true)) {
                "$default".to_owned()
            } else {
                format!("{key} {base}{path}")
            };
            route(draft, document, (key, operation), &guards, &mut warnings)?;
        }
    }
    if strict && !warnings.is_empty() {
        return Err(errors::bad_request(format!("Warnings found during import: {}", warnings.join("; "))));
    }
    fresh.warnings = (!warnings.is_empty()).then_some(warnings);
    draft.put_api(fresh)
}

fn route(
    draft: &mut Draft,
    document: &Value,
    (key, operation): (String, &Value),
    guards: &Guards,
    warnings: &mut Vec<String>,
) -> Result<(), ApiError> {
    let described = operation.get(INTEGRATION);
    if described.is_none() {
        warnings.push(format!("{key} has no {INTEGRATION}"));
    }
    let target = described.map(|described| integration(draft, document, described)).transpose()?;
    let mut route = Route {
        api_key_required: Some(false),
        operation_name: operation.get("operationId").and_then(Value::as_str).map(str::to_owned),
        route_key: key,
        target: target.map(|id| format!("integrations/{id}")),
        ..Route::default()
    };
    let demanded = operation.get("security").or_else(|| document.get("security"));
    security::guard(&mut route, demanded, guards)?;
    api::check_route(draft, &route, None)?;
    let id = draft.new_id::<Route>()?;
    route.route_id = Some(id.clone());
    draft.put(&id, &route)
}

/// Members of the extension, and the members of an integration they are.
const NAMES: [(&str, &str); 14] = [
    ("connectionId", "connectionId"),
    ("connectionType", "connectionType"),
    ("credentials", "credentialsArn"),
    ("description", "description"),
    ("httpMethod", "integrationMethod"),
    ("integrationSubtype", "integrationSubtype"),
    ("passthroughBehavior", "passthroughBehavior"),
    ("payloadFormatVersion", "payloadFormatVersion"),
    ("requestParameters", "requestParameters"),
    ("responseParameters", "responseParameters"),
    ("timeoutInMillis", "timeoutInMillis"),
    ("tlsConfig", "tlsConfig"),
    ("type", "integrationType"),
    ("uri", "integrationUri"),
];

/// Makes an integration, or finds the one that another operation named in the same way.
fn integration(draft: &mut Draft, document: &Value, described: &Value) -> Result<String, ApiError> {
    let named = described.get("$ref").and_then(Value::as_str);
    let described = match named {
        Some(reference) => {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let found = document
                .get("components")
                .and_then(|all| all.get(INTEGRATIONS))
                .and_then(|all| all.get(name));
            found.ok_or_else(|| bad(format_args!("{reference} is not there")))?
        }
        None => described,
    };
    let described = described.as_object().ok_or_else(|| bad("an integration is not an object"))?;
    let mut members = Map::new();
    for (name, value) in described {
        let Some((_, member)) = NAMES.iter().find(|(known, _)| known == name) else {
            return Err(bad(format_args!("{name} of an integration is not known")));
        };
        let value = match *member {
            "integrationType" => value.as_str().unwrap_or_default().to_ascii_uppercase().into(),
            "integrationMethod" if value == "x-amazon-apigateway-any-method" => "ANY".into(),
            "payloadFormatVersion" if value.is_number() => version(value).into(),
            _ => value.clone(),
        };
        members.insert((*member).to_owned(), value);
    }
    let mut integration: Integration = of_value(&Value::Object(members))?;
    api::complete_integration(draft, &mut integration);
    let alike = |known: &Integration| {
        recast::<Integration>(&Integration { integration_id: None, ..known.clone() })
            .is_ok_and(|known| crate::recast::json(&known) == crate::recast::json(&integration))
    };
    if named.is_some()
        && let Some((id, _)) = draft.definition.integrations.iter().find(|(_, known)| alike(known))
    {
        return Ok(id.clone());
    }
    api::check_integration(draft, &integration)?;
    let id = draft.new_id::<Integration>()?;
    integration.integration_id = Some(id.clone());
    draft.put(&id, &integration)?;
    Ok(id)
}

/// `1.0` that was written as a number.
fn version(value: &Value) -> String {
    value.as_f64().map_or_else(|| value.to_string(), |number| format!("{number:.1}"))
}

fn cors(described: &Value) -> Result<Cors, ApiError> {
    of_value(described)
}

fn tags(document: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| {
        let text = |name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("name")?, text(TAG_VALUE)?))
    };
    document.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
}
