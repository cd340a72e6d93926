//! Types that are parts of an API. They are made by the operations a client would call, and changed by being made anew under
//! their ids, so that a property that is gone from the template is gone from them.

use super::{
    Own, Put, Type, parted,
    properties::{input, response_parameters},
    resource,
};
use crate::model::{
    Authorizer, CreateAuthorizerRequest, CreateIntegrationRequest, CreateIntegrationResponseRequest,
    CreateModelRequest, CreateRouteRequest, CreateRouteResponseRequest, Integration, IntegrationResponse,
    Model, Route, RouteResponse,
};

/// All of them.
pub(super) static TYPES: [&Type; 6] =
    [&ROUTE, &INTEGRATION, &AUTHORIZER, &MODEL, &ROUTE_RESPONSE, &INTEGRATION_RESPONSE];

/// A type whose things are found by an API's id and their own.
macro_rules! part {
    ($name:ident: $shape:ident($member:ident) = $own:literal by $input:ident $add:ident $remove:ident,
     [$($property:literal),* $(,)?], $prepare:expr) => {
        static $name: Type = Type {
            name: concat!("AWS::ApiGatewayV2::", stringify!($shape)),
            properties: &["ApiId", $($property),*],
            replacing: &["ApiId"],
            within: &["ApiId"],
            own: Own::Id(7),
            put: |put: Put<'_>| {
                Box::pin(async move {
                    let Put { apis, ctx, mut properties, at, .. } = put;
                    let prepare: fn(&mut serde_json::Map<_, _>) -> Result<(), moln_kernel::ApiError> = $prepare;
                    prepare(&mut properties)?;
                    let input: $input = input(apis, properties)?;
                    let api = input.api_id.clone();
                    let [_, own] = parted(at)?;
                    let made: $shape = apis.$add(ctx, input, Some(own)).await?;
                    Ok(resource(&[&api, made.$member.as_deref().unwrap_or_default()], $own, &[]))
                })
            },
            live: None,
            read: |apis, ctx, id| {
                let [api, own] = parted(id)?;
                let _: $shape = apis.part::<$shape, _>(ctx, api, own)?;
                Ok(resource(&[api, own], $own, &[]))
            },
            delete: |apis, ctx, id| {
                Box::pin(async move {
                    let [api, own] = parted(id)?;
                    apis.$remove(ctx, api, own).await
                })
            },
        };
    };
}

/// A type whose things are found by an API's id, that of the part they belong to, and their own.
macro_rules! response {
    ($name:ident: $shape:ident($member:ident) = $own:literal of $parent:literal $of:ident
     by $input:ident $add:ident, [$($property:literal),* $(,)?]) => {
        static $name: Type = Type {
            name: concat!("AWS::ApiGatewayV2::", stringify!($shape)),
            properties: &["ApiId", $parent, $($property),*],
            replacing: &["ApiId", $parent],
            within: &["ApiId", $parent],
            own: Own::Id(7),
            put: |put: Put<'_>| {
                Box::pin(async move {
                    let Put { apis, ctx, properties, at, .. } = put;
                    let input: $input = input(apis, properties)?;
                    let (api, parent) = (input.api_id.clone(), input.$of.clone());
                    let [_, _, own] = parted(at)?;
                    let made: $shape = apis.$add(ctx, input, Some(own)).await?;
                    Ok(resource(&[&api, &parent, made.$member.as_deref().unwrap_or_default()], $own, &[]))
                })
            },
            live: None,
            read: |apis, ctx, id| {
                let [api, parent, own] = parted(id)?;
                let _: $shape = apis.part::<$shape, _>(ctx, api, &format!("{parent}/{own}"))?;
                Ok(resource(&[api, parent, own], $own, &[]))
            },
            delete: |apis, ctx, id| {
                Box::pin(async move {
                    let [api, parent, own] = parted(id)?;
                    apis.remove_part::<$shape>(ctx, api, &format!("{parent}/{own}")).await
                })
            },
        };
    };
}

part!(ROUTE: Route(route_id) = "RouteId" by CreateRouteRequest add_route remove_route, [
    "ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "ModelSelectionExpression",
    "OperationName", "RequestModels", "RequestParameters", "RouteKey", "RouteResponseSelectionExpression", "Target",
], |_| Ok(()));

part!(INTEGRATION: Integration(integration_id) = "IntegrationId"
    by CreateIntegrationRequest add_integration remove_integration, [
    "ConnectionId", "ConnectionType", "ContentHandlingStrategy", "CredentialsArn", "Description", "IntegrationMethod",
    "IntegrationSubtype", "IntegrationType", "IntegrationUri", "PassthroughBehavior", "PayloadFormatVersion",
    "RequestParameters", "RequestTemplates", "ResponseParameters", "TemplateSelectionExpression", "TimeoutInMillis",
    "TlsConfig",
], response_parameters);

part!(AUTHORIZER: Authorizer(authorizer_id) = "AuthorizerId"
    by CreateAuthorizerRequest add_authorizer remove_authorizer, [
    "AuthorizerCredentialsArn", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "AuthorizerType",
    "AuthorizerUri", "EnableSimpleResponses", "IdentitySource", "IdentityValidationExpression", "JwtConfiguration",
    "Name",
], |_| Ok(()));

part!(MODEL: Model(model_id) = "ModelId" by CreateModelRequest add_model remove_model, [
    "ContentType", "Description", "Name", "Schema",
], |_| Ok(()));

response!(ROUTE_RESPONSE: RouteResponse(route_response_id) = "RouteResponseId" of "RouteId" route_id
    by CreateRouteResponseRequest add_route_response, [
    "ModelSelectionExpression", "ResponseModels", "ResponseParameters", "RouteResponseKey",
]);

response!(INTEGRATION_RESPONSE: IntegrationResponse(integration_response_id) = "IntegrationResponseId"
    of "IntegrationId" integration_id
    by CreateIntegrationResponseRequest add_integration_response, [
    "ContentHandlingStrategy", "IntegrationResponseKey", "ResponseParameters", "ResponseTemplates",
    "TemplateSelectionExpression",
]);
