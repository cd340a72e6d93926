//! `AWS::ApiGatewayV2::Api`. `Ref` is the id; `GetAtt ApiEndpoint`, `ApiId`.

use moln_kernel::{
    ApiError, Context,
    resources::{Resource, as_expected},
};
use serde_json::{Map, Value};

use super::{
    Own, Put, Type,
    properties::{input, told},
    resource,
};
use crate::{
    Apis, errors, limits,
    model::{Api_ as Api, CreateApiRequest, ImportApiRequest},
};

pub(super) static API: Type = Type {
    name: "AWS::ApiGatewayV2::Api",
    properties: &[
        "ApiKeySelectionExpression",
        "BasePath",
        "Body",
        "BodyS3Location",
        "CorsConfiguration",
        "CredentialsArn",
        "Description",
        "DisableExecuteApiEndpoint",
        "DisableSchemaValidation",
        "FailOnWarnings",
        "IpAddressType",
        "Name",
        "ProtocolType",
        "RouteKey",
        "RouteSelectionExpression",
        "Tags",
        "Target",
        "Version",
    ],
    replacing: &["ProtocolType"],
    within: &[],
    own: Own::Id(10),
    put: |put| Box::pin(make(put)),
    read: |apis, ctx, id| Ok(described(&apis.entry(ctx, id)?.definition.api)),
    live: Some(|apis, ctx, id, expected| {
        let entry = apis.entry(ctx, id)?;
        let told = told(&*entry.definition.api);
        let tags = told.get("Tags").cloned().unwrap_or_default();
        let mut live = as_expected(expected, told);
        if let Some(live) = live.as_object_mut() {
            // Every tag counts, also one that the template does not say.
            live.insert("Tags".to_owned(), tags);
            for name in COMPARED.iter().filter(|name| expected.get(**name).is_some()) {
                live.entry(*name).or_insert(Value::Null);
            }
        }
        Ok(live)
    }),
    delete: |apis, ctx, id| {
        Box::pin(async move {
            apis.change(ctx, id, |draft| {
                draft.remove_api();
                Ok(())
            })
            .await
        })
    },
};

/// What an API tells of itself. The rest of its properties are how it is made.
const COMPARED: &[&str] = &[
    "ApiKeySelectionExpression",
    "CorsConfiguration",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "IpAddressType",
    "Name",
    "ProtocolType",
    "RouteSelectionExpression",
    "Tags",
    "Version",
];

fn described(api: &Api) -> Resource {
    resource(
        &[api.api_id.as_deref().unwrap_or_default()],
        "ApiId",
        &[("ApiEndpoint", api.api_endpoint.clone())],
    )
}

async fn make(put: Put<'_>) -> Result<Resource, ApiError> {
    let Put { apis, ctx, mut properties, at, there } = put;
    let document = document(apis, ctx, &mut properties).await?;
    let strict = properties.remove("FailOnWarnings").is_some_and(|flag| flag == "true" || flag == true);
    let base = properties.remove("BasePath").and_then(|base| base.as_str().map(str::to_owned));
    let Some(body) = document else {
        let input: CreateApiRequest = input(apis, properties)?;
        let api: Api = if there {
            apis.replace_api(ctx, at, input).await?
        } else {
            apis.create_an_api(ctx, input, Some(at)).await?
        };
        return Ok(described(&api));
    };
    let import = ImportApiRequest { basepath: base, body, fail_on_warnings: Some(strict) };
    let api: Api = apis.import_document(ctx, (Some(at), there), import).await?;
    let id = api.api_id.clone().unwrap_or_default();
    let rest: Vec<_> = properties.keys().filter(|name| name.as_str() != "ProtocolType").cloned().collect();
    if rest.is_empty() {
        return Ok(described(&api));
    }
    // What stands beside the document counts more than it.
    properties.remove("ProtocolType");
    properties.insert("ApiId".to_owned(), id.into());
    let tags = properties.remove("Tags");
    let change = input(apis, properties)?;
    let api: Api = apis.update_an_api(ctx, change).await?;
    if let Some(tags) = tags {
        let tags = serde_json::from_value(tags).map_err(|_| errors::bad_request("Tags must be texts"))?;
        let id = api.api_id.clone().unwrap_or_default();
        apis.change(ctx, &id, |draft| {
            let api = (*draft.definition.api).clone();
            draft.put_api(Api { tags: Some(tags), ..api })
        })
        .await?;
    }
    Ok(described(&api))
}

/// The `OpenAPI` document of a template: in it, or in a bucket.
async fn document(
    apis: &Apis,
    ctx: &Context,
    properties: &mut Map<String, Value>,
) -> Result<Option<String>, ApiError> {
    if let Some(body) = properties.remove("Body") {
        return Ok(Some(body.to_string()));
    }
    let Some(place) = properties.remove("BodyS3Location") else { return Ok(None) };
    let text = |name: &str| place.get(name).and_then(Value::as_str);
    let (Some(bucket), Some(key)) = (text("Bucket"), text("Key")) else {
        return Err(errors::bad_request("BodyS3Location needs Bucket and Key"));
    };
    let Some(objects) = &apis.ports.objects else { return Err(errors::not_built("documents in buckets")) };
    let mut reading = objects.read(ctx, bucket, key, text("Version")).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reading.content.next().await? {
        if bytes.len() + piece.len() > limits::DOCUMENT {
            return Err(errors::bad_request("The OpenAPI document is too large"));
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| errors::bad_request("The OpenAPI document is not UTF-8"))
}
