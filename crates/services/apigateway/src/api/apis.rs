//! APIs themselves.

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use super::{page::Asked, tags};
use crate::{
    Apis, errors,
    model::{
        Api_ as Api, Cors, CreateApiRequest, GetApisRequest, GetApisResponse, Integration, Route, Stage,
        UpdateApiRequest,
    },
    recast::{amended, recast},
    state::Draft,
};

/// How an HTTP API tells routes apart.
const HTTP_SELECTION: &str = "$request.method $request.path";
/// How API keys are found unless it is said.
const KEY_SELECTION: &str = "$request.header.x-api-key";

impl Apis {
    pub(crate) async fn create_an_api<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateApiRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        check(&input)?;
        self.make(ctx, at, |draft| {
            let mut api: Api = recast(&input)?;
            let http = api.protocol_type == "HTTP";
            complete(draft, &mut api);
            draft.put_api(api)?;
            if http && let Some(target) = &input.target {
                quick(draft, target, input.route_key.as_deref(), input.credentials_arn.clone())?;
            }
            recast(&*draft.definition.api)
        })
        .await
    }

    pub(crate) async fn update_an_api<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateApiRequest,
    ) -> Result<O, ApiError> {
        let id = input.api_id.clone();
        self.change(ctx, &id, |draft| {
            let before = draft.definition.api.clone();
            let mut api = amended(&*before, &input)?;
            normalise(&mut api);
            check_api(&api)?;
            draft.put_api(api)?;
            requick(draft, &input)?;
            recast(&*draft.definition.api)
        })
        .await
    }

    /// An API as it would be if it were made so now.
    pub(crate) async fn replace_api<O: Shape + Send>(
        &self,
        ctx: &Context,
        id: &str,
        input: CreateApiRequest,
    ) -> Result<O, ApiError> {
        check(&input)?;
        let change = UpdateApiRequest {
            api_id: id.to_owned(),
            target: input.target.clone(),
            route_key: input.route_key.clone(),
            credentials_arn: input.credentials_arn.clone(),
            ..UpdateApiRequest::default()
        };
        self.change(ctx, id, |draft| {
            let created = draft.definition.api.created_date;
            let mut api: Api = recast(&input)?;
            complete(draft, &mut api);
            api.created_date = created;
            draft.put_api(api)?;
            requick(draft, &change)?;
            recast(&*draft.definition.api)
        })
        .await
    }

    pub(super) fn list_apis(
        &self,
        ctx: &Context,
        input: &GetApisRequest,
    ) -> Result<GetApisResponse, ApiError> {
        let mut rows: Vec<_> = {
            let registry = self.registry();
            let mine = registry.apis.values().filter(|entry| entry.belongs(ctx));
            mine.map(|entry| (entry.id.to_string(), entry.definition.api.clone())).collect()
        };
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        let asked = Asked { max: input.max_results.as_deref(), token: input.next_token.as_deref() };
        let (items, next_token) = self.page(ctx, &["GetApis"], &asked, rows.into_iter())?;
        Ok(GetApisResponse { items: Some(items.iter().map(|api| (**api).clone()).collect()), next_token })
    }
}

fn check(input: &CreateApiRequest) -> Result<(), ApiError> {
    if let Some(tags) = &input.tags {
        tags::check(tags)?;
    }
    let http = input.protocol_type == "HTTP";
    if input.target.is_some() && !http {
        return Err(errors::bad_request("Quick create is supported only for HTTP protocol type"));
    }
    if input.target.is_none() && (input.route_key.is_some() || input.credentials_arn.is_some()) {
        return Err(errors::bad_request("Target is required when RouteKey or CredentialsArn is given"));
    }
    check_api(&recast(input)?)
}

pub(crate) fn check_api(api: &Api) -> Result<(), ApiError> {
    let http = api.protocol_type == "HTTP";
    if http && !matches!(api.route_selection_expression.as_str(), "" | HTTP_SELECTION) {
        return Err(errors::bad_request(format!(
            "RouteSelectionExpression must be '{HTTP_SELECTION}' for HTTP protocol type"
        )));
    }
    if !http {
        if api.route_selection_expression.is_empty() {
            return Err(errors::bad_request("Protocol type WEBSOCKET requires a route selection expression"));
        }
        if api.cors_configuration.is_some() {
            return Err(errors::bad_request(
                "CORS configuration is not supported for WEBSOCKET protocol type",
            ));
        }
    }
    api.cors_configuration.as_ref().map_or(Ok(()), check_cors)
}

fn check_cors(cors: &Cors) -> Result<(), ApiError> {
    let star = |list: Option<&Vec<String>>| list.into_iter().flatten().any(|one| one == "*");
    if cors.allow_credentials == Some(true) && star(cors.allow_origins.as_ref()) {
        return Err(errors::bad_request("Cannot use '*' in AllowOrigins when AllowCredentials is true"));
    }
    for origin in cors.allow_origins.iter().flatten() {
        if origin != "*" && !origin.contains("://") {
            return Err(errors::bad_request(format!("Invalid format for origin {origin}")));
        }
    }
    Ok(())
}

/// Names of headers are told in small letters, as they are compared.
fn normalise(api: &mut Api) {
    if let Some(cors) = &mut api.cors_configuration {
        for names in [&mut cors.allow_headers, &mut cors.expose_headers].into_iter().flatten() {
            for name in names {
                name.make_ascii_lowercase();
            }
        }
    }
}

/// What an API has that nobody asked for.
pub(crate) fn complete(draft: &Draft, api: &mut Api) {
    let (id, region) = (&draft.entry.id, &draft.entry.region);
    let http = api.protocol_type == "HTTP";
    let scheme = if http { "https" } else { "wss" };
    api.api_endpoint = Some(format!("{scheme}://{id}.execute-api.{region}.{}", suffix(region.as_str())));
    api.api_id = Some(id.to_string());
    api.created_date = Some(draft.now);
    if http {
        HTTP_SELECTION.clone_into(&mut api.route_selection_expression);
    }
    api.api_key_selection_expression.get_or_insert_with(|| KEY_SELECTION.to_owned());
    api.disable_execute_api_endpoint.get_or_insert(false);
    api.ip_address_type.get_or_insert_with(|| "ipv4".to_owned());
    api.tags.get_or_insert_default();
    normalise(api);
}

/// The domain of a region's services.
pub(crate) fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// An integration, a route and a stage that serve a target at once.
fn quick(
    draft: &mut Draft,
    target: &str,
    route_key: Option<&str>,
    credentials_arn: Option<String>,
) -> Result<(), ApiError> {
    let function = target.starts_with("arn:");
    let mut integration = Integration {
        api_gateway_managed: Some(true),
        connection_type: Some("INTERNET".to_owned()),
        credentials_arn,
        integration_type: Some(if function { "AWS_PROXY" } else { "HTTP_PROXY" }.to_owned()),
        integration_uri: Some(target.to_owned()),
        payload_format_version: Some(if function { "2.0" } else { "1.0" }.to_owned()),
        timeout_in_millis: Some(30_000),
        ..Integration::default()
    };
    if function {
        integration.integration_method = Some("POST".to_owned());
    } else {
        integration.integration_method = Some("ANY".to_owned());
    }
    super::integrations::check(draft, &integration)?;
    let id = draft.new_id::<Integration>()?;
    integration.integration_id = Some(id.clone());
    draft.put(&id, &integration)?;
    let route = Route {
        api_gateway_managed: Some(true),
        api_key_required: Some(false),
        authorization_type: Some("NONE".to_owned()),
        route_key: route_key.unwrap_or("$default").to_owned(),
        target: Some(format!("integrations/{id}")),
        ..Route::default()
    };
    super::routes::check(draft, &route, None)?;
    let id = draft.new_id::<Route>()?;
    draft.put(&id, &Route { route_id: Some(id.clone()), ..route })?;
    draft.put_stage(Stage {
        api_gateway_managed: Some(true),
        auto_deploy: Some(true),
        created_date: Some(draft.now),
        stage_name: "$default".to_owned(),
        ..super::stages::fresh()
    })
}

/// Changes what quick create made.
fn requick(draft: &mut Draft, input: &UpdateApiRequest) -> Result<(), ApiError> {
    if input.target.is_some() || input.credentials_arn.is_some() {
        let managed =
            draft.definition.integrations.iter().find(|(_, one)| one.api_gateway_managed == Some(true));
        let Some((id, integration)) = managed.map(|(id, one)| (id.clone(), (**one).clone())) else {
            return Err(errors::bad_request("Target can be updated only for APIs made by quick create"));
        };
        let mut integration = integration;
        if let Some(target) = &input.target {
            integration.integration_uri = Some(target.clone());
        }
        if input.credentials_arn.is_some() {
            integration.credentials_arn.clone_from(&input.credentials_arn);
        }
        super::integrations::check(draft, &integration)?;
        draft.put(&id, &integration)?;
    }
    if let Some(key) = &input.route_key {
        let managed = draft.definition.routes.iter().find(|(_, one)| one.api_gateway_managed == Some(true));
        let Some((id, route)) = managed.map(|(id, one)| (id.clone(), (**one).clone())) else {
            return Err(errors::bad_request("RouteKey can be updated only for APIs made by quick create"));
        };
        let route = Route { route_key: key.clone(), ..route };
        super::routes::check(draft, &route, Some(&id))?;
        draft.put(&id, &route)?;
    }
    Ok(())
}
