//! Routes and their responses.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use crate::{
    Apis, errors,
    model::{
        CreateRouteRequest, CreateRouteResponseRequest, Route, RouteResponse, UpdateRouteRequest,
        UpdateRouteResponseRequest,
    },
    recast::{amended, recast},
    serve::RouteKey,
    state::Draft,
};

/// The words for a key that is none.
const BAD_KEY: &str = "The provided route key is not formatted properly for HTTP protocol. Format should be \
    \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"";

impl Apis {
    pub(crate) async fn add_route<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateRouteRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let mut route: Route = recast(&input)?;
            route.authorization_type.get_or_insert_with(|| "NONE".to_owned());
            route.api_key_required.get_or_insert(false);
            check(draft, &route, at)?;
            let id = draft.id_or_new::<Route>(at)?;
            route.route_id = Some(id.clone());
            draft.put(&id, &route)?;
            recast(&route)
        })
        .await
    }

    pub(crate) async fn amend_route<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateRouteRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before: Arc<Route> = draft.get(&input.route_id)?;
            let mut route = amended(&*before, &input)?;
            if route.authorization_type.as_deref() == Some("NONE") {
                (route.authorizer_id, route.authorization_scopes) = (None, None);
            }
            check(draft, &route, Some(&input.route_id))?;
            draft.put(&input.route_id, &route)?;
            recast(&route)
        })
        .await
    }

    pub(crate) async fn remove_route(&self, ctx: &Context, api: &str, id: &str) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| {
            let below = format!("{id}/");
            let responses = draft.definition.route_responses.keys().filter(|key| key.starts_with(&below));
            for response in responses.cloned().collect::<Vec<_>>() {
                draft.remove::<RouteResponse>(&response)?;
            }
            draft.remove::<Route>(id)
        })
        .await
    }

    pub(crate) async fn remove_request_parameter(
        &self,
        ctx: &Context,
        (api, id): (&str, &str),
        name: &str,
    ) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| {
            let mut route = (*draft.get::<Route>(id)?).clone();
            let removed = route.request_parameters.as_mut().and_then(|all| all.remove(name));
            removed.ok_or_else(|| errors::no_such("RequestParameter"))?;
            draft.put(id, &route)
        })
        .await
    }

    pub(crate) async fn add_route_response<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateRouteResponseRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            draft.get::<Route>(&input.route_id)?;
            check_response(draft, &input.route_response_key)?;
            let below = format!("{}/", input.route_id);
            let own = at.map(|id| format!("{below}{id}"));
            let others = draft.definition.route_responses.iter();
            let mut others = others.filter(|(key, _)| key.starts_with(&below) && own.as_ref() != Some(key));
            if others.any(|(_, one)| one.route_response_key == input.route_response_key) {
                return Err(errors::conflict("RouteResponse already exists for this route"));
            }
            let mut response: RouteResponse = recast(&input)?;
            let id = match at {
                Some(id) => id.to_owned(),
                None => draft.new_id::<RouteResponse>()?,
            };
            response.route_response_id = Some(id.clone());
            draft.put(&format!("{below}{id}"), &response)?;
            recast(&response)
        })
        .await
    }

    pub(crate) async fn amend_route_response<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateRouteResponseRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let key = format!("{}/{}", input.route_id, input.route_response_id);
            let before: Arc<RouteResponse> = draft.get(&key)?;
            let response = amended(&*before, &input)?;
            check_response(draft, &response.route_response_key)?;
            draft.put(&key, &response)?;
            recast(&response)
        })
        .await
    }
}

fn check_response(draft: &Draft, key: &str) -> Result<(), ApiError> {
    if draft.definition.api.protocol_type != "WEBSOCKET" {
        return Err(errors::bad_request("RouteResponse is supported only for WEBSOCKET protocol type"));
    }
    if key != "$default" {
        return Err(errors::bad_request("RouteResponseKey must be $default"));
    }
    Ok(())
}

/// Judges a route; `own`: its id, when it is there already.
pub(crate) fn check(draft: &Draft, route: &Route, own: Option<&str>) -> Result<(), ApiError> {
    let definition = &draft.definition;
    let http = definition.api.protocol_type == "HTTP";
    let key = if http { RouteKey::parse(&route.route_key) } else { None };
    if http && key.is_none() {
        return Err(errors::bad_request(BAD_KEY));
    }
    let same = |other: &Route| match &key {
        Some(key) => RouteKey::parse(&other.route_key).is_some_and(|other| key.same(&other)),
        None => other.route_key == route.route_key,
    };
    if definition.routes.iter().any(|(id, other)| own != Some(id) && same(other)) {
        return Err(errors::conflict(format!(
            "Route with key {} already exists for this API",
            route.route_key
        )));
    }
    if let Some(target) = &route.target {
        let id = target.strip_prefix("integrations/");
        if !id.is_some_and(|id| definition.integrations.contains_key(id)) {
            return Err(errors::bad_request(format!("Unable to find Integration by target {target}")));
        }
    }
    if http && route.api_key_required == Some(true) {
        return Err(errors::bad_request("ApiKeyRequired is not currently supported for HTTP APIs"));
    }
    if http && (route.model_selection_expression.is_some() || route.request_models.is_some()) {
        return Err(errors::bad_request("Request models are not supported for HTTP APIs"));
    }
    if !http && route.api_key_required == Some(true) {
        return Err(errors::not_built("API keys of WebSocket APIs"));
    }
    if !http && route.request_models.as_ref().is_some_and(|models| !models.is_empty()) {
        return Err(errors::not_built("the validation of messages by models"));
    }
    check_authorization(draft, route, http)
}

fn check_authorization(draft: &Draft, route: &Route, http: bool) -> Result<(), ApiError> {
    let wanted = route.authorization_type.as_deref().unwrap_or("NONE");
    if !http && wanted != "NONE" && route.route_key != "$connect" {
        return Err(errors::bad_request(
            "Currently, authorization is restricted to the $connect route only for WEBSOCKET protocol type",
        ));
    }
    if route.authorization_scopes.as_ref().is_some_and(|scopes| !scopes.is_empty()) && wanted != "JWT" {
        return Err(errors::bad_request("AuthorizationScopes are supported only for JWT authorization"));
    }
    match wanted {
        "NONE" | "AWS_IAM" => Ok(()),
        kind @ ("JWT" | "CUSTOM") => {
            if kind == "JWT" && !http {
                return Err(errors::bad_request(
                    "JWT authorization is not supported for WEBSOCKET protocol type",
                ));
            }
            let Some(id) = &route.authorizer_id else {
                return Err(errors::bad_request(format!(
                    "AuthorizerId is required for {kind} authorization"
                )));
            };
            let Some(authorizer) = draft.definition.authorizers.get(id) else {
                return Err(errors::bad_request(format!("Unable to find Authorizer by ID {id}")));
            };
            let fits = if kind == "JWT" { "JWT" } else { "REQUEST" };
            if authorizer.authorizer_type.as_deref() != Some(fits) {
                return Err(errors::bad_request(format!(
                    "Authorizer {id} is not of the type that {kind} authorization needs"
                )));
            }
            Ok(())
        }
        other => Err(errors::bad_request(format!("Invalid authorization type {other}"))),
    }
}
