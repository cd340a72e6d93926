//! Security schemes are authorizers; what an operation demands is its route's.

use std::collections::BTreeMap;

use moln_kernel::ApiError;
use serde_json::{Map, Value, json};

use super::{AUTHORIZER, AUTHTYPE};
use crate::{
    api, errors,
    model::{Authorizer, Route},
    recast::{self, of_value},
    state::{Definition, Draft},
};

/// What schemes come to, by name.
pub(super) type Guards = BTreeMap<String, Guard>;

/// What a scheme comes to.
pub(super) enum Guard {
    /// A signature.
    Signed,
    /// An authorizer: the type it makes of a route, and its id.
    Asked(&'static str, String),
}

/// Makes the authorizers of a document.
pub(super) fn import(draft: &mut Draft, document: &Value) -> Result<Guards, ApiError> {
    let schemes = document.pointer("/components/securitySchemes").and_then(Value::as_object);
    let mut guards = Guards::new();
    for (name, scheme) in schemes.into_iter().flatten() {
        if scheme
            .get(AUTHTYPE)
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("awsSigv4"))
        {
            guards.insert(name.clone(), Guard::Signed);
            continue;
        }
        let Some(described) = scheme.get(AUTHORIZER) else { continue };
        let mut authorizer: Authorizer = of_value(&members(name, described))?;
        api::check_authorizer(draft, &authorizer, None)?;
        let id = draft.new_id::<Authorizer>()?;
        authorizer.authorizer_id = Some(id.clone());
        draft.put(&id, &authorizer)?;
        let kind = if authorizer.authorizer_type.as_deref() == Some("JWT") { "JWT" } else { "CUSTOM" };
        guards.insert(name.clone(), Guard::Asked(kind, id));
    }
    Ok(guards)
}

/// The extension's members under the names they have in the API.
fn members(name: &str, described: &Value) -> Value {
    let mut members: Map<String, Value> = described.as_object().cloned().unwrap_or_default();
    let mut move_to = |from: &str, to: &str, change: fn(Value) -> Value| {
        if let Some(value) = members.remove(from) {
            members.insert(to.to_owned(), change(value));
        }
    };
    move_to("type", "authorizerType", |kind| kind.as_str().unwrap_or_default().to_ascii_uppercase().into());
    move_to("authorizerCredentials", "authorizerCredentialsArn", |value| value);
    move_to("identitySource", "identitySource", |source| match source {
        Value::String(text) => text.split(',').map(str::trim).collect::<Vec<_>>().into(),
        other => other,
    });
    members.insert("name".to_owned(), name.into());
    Value::Object(members)
}

/// Puts on a route what its operation demands: the first demand counts.
pub(super) fn guard(route: &mut Route, demanded: Option<&Value>, guards: &Guards) -> Result<(), ApiError> {
    route.authorization_type = Some("NONE".to_owned());
    let first = demanded.and_then(Value::as_array).and_then(|all| all.first()).and_then(Value::as_object);
    let Some((name, scopes)) = first.and_then(|demand| demand.iter().next()) else { return Ok(()) };
    match guards.get(name) {
        Some(Guard::Signed) => route.authorization_type = Some("AWS_IAM".to_owned()),
        Some(Guard::Asked(kind, id)) => {
            route.authorization_type = Some((*kind).to_owned());
            route.authorizer_id = Some(id.clone());
            let scopes: Vec<String> = scopes
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            route.authorization_scopes = (!scopes.is_empty()).then_some(scopes);
        }
        None => {
            return Err(errors::bad_request(format!(
                "Unable to import API: the security scheme {name} of {} is not there, or has no authorizer",
                route.route_key
            )));
        }
    }
    Ok(())
}

/// The schemes of an API.
pub(super) fn export(definition: &Definition) -> Map<String, Value> {
    let mut schemes = Map::new();
    for authorizer in definition.authorizers.values() {
        let shape = Authorizer { name: String::new(), authorizer_id: None, ..(**authorizer).clone() };
        let mut members: Map<String, Value> = serde_json::from_str(&recast::json(&shape)).unwrap_or_default();
        members.remove("name");
        let kind = members.remove("authorizerType").unwrap_or_default();
        members.insert("type".to_owned(), kind.as_str().unwrap_or_default().to_ascii_lowercase().into());
        if let Some(sources) = authorizer.identity_source.as_ref().filter(|sources| !sources.is_empty()) {
            members.insert("identitySource".to_owned(), sources.join(",").into());
        }
        if let Some(arn) = members.remove("authorizerCredentialsArn") {
            members.insert("authorizerCredentials".to_owned(), arn);
        }
        let scheme = if authorizer.authorizer_type.as_deref() == Some("JWT") {
            json!({"type": "oauth2", AUTHORIZER: members})
        } else {
            json!({"type": "apiKey", "name": "Unused", "in": "header", AUTHORIZER: members})
        };
        schemes.insert(authorizer.name.clone(), scheme);
    }
    if definition.routes.values().any(|route| route.authorization_type.as_deref() == Some("AWS_IAM")) {
        schemes.insert(
            "sigv4".to_owned(),
            json!({"type": "apiKey", "name": "Authorization", "in": "header", AUTHTYPE: "awsSigv4"}),
        );
    }
    schemes
}

/// What a route demands.
pub(super) fn demand(definition: &Definition, route: &Route) -> Option<Value> {
    match route.authorization_type.as_deref()? {
        "AWS_IAM" => Some(json!([{"sigv4": []}])),
        "JWT" | "CUSTOM" => {
            let authorizer = definition.authorizers.get(route.authorizer_id.as_deref()?)?;
            let scopes = route.authorization_scopes.clone().unwrap_or_default();
            let demand = Map::from_iter([(authorizer.name.clone(), scopes.into())]);
            Some(json!([demand]))
        }
        _ => None,
    }
}
