//! Authorizers.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use crate::{
    Apis, errors,
    model::{Authorizer, CreateAuthorizerRequest, UpdateAuthorizerRequest},
    recast::{amended, recast},
    serve::mapping::Template,
    state::Draft,
};

impl Apis {
    pub(crate) async fn add_authorizer<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateAuthorizerRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let mut authorizer: Authorizer = recast(&input)?;
            check(draft, &authorizer, at)?;
            let id = draft.id_or_new::<Authorizer>(at)?;
            authorizer.authorizer_id = Some(id.clone());
            draft.put(&id, &authorizer)?;
            recast(&authorizer)
        })
        .await
    }

    pub(crate) async fn amend_authorizer<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateAuthorizerRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before: Arc<Authorizer> = draft.get(&input.authorizer_id)?;
            let authorizer = amended(&*before, &input)?;
            check(draft, &authorizer, Some(&input.authorizer_id))?;
            draft.put(&input.authorizer_id, &authorizer)?;
            recast(&authorizer)
        })
        .await
    }

    pub(crate) async fn remove_authorizer(&self, ctx: &Context, api: &str, id: &str) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| {
            if draft.definition.routes.values().any(|route| route.authorizer_id.as_deref() == Some(id)) {
                return Err(errors::conflict(format!(
                    "Cannot delete authorizer '{id}', is referenced in route. Remove reference and retry"
                )));
            }
            draft.remove::<Authorizer>(id)
        })
        .await
    }
}

/// Judges an authorizer; `own`: its id, when it is there already.
pub(crate) fn check(draft: &Draft, authorizer: &Authorizer, own: Option<&str>) -> Result<(), ApiError> {
    let bad = |words: &str| Err(errors::bad_request(words));
    let http = draft.definition.api.protocol_type == "HTTP";
    let mut others = draft.definition.authorizers.iter().filter(|(id, _)| own != Some(id.as_str()));
    if others.any(|(_, other)| other.name == authorizer.name) {
        return Err(errors::conflict(format!(
            "Authorizer name must be unique. Authorizer {} already exists",
            authorizer.name
        )));
    }
    let sources = authorizer.identity_source.as_deref().unwrap_or_default();
    let version = authorizer.authorizer_payload_format_version.as_deref();
    match authorizer.authorizer_type.as_deref() {
        Some("JWT") if !http => bad("JWT authorizers are supported only for HTTP protocol type"),
        Some("JWT") => {
            let config = authorizer.jwt_configuration.as_ref();
            let issuer = config.and_then(|config| config.issuer.as_deref()).unwrap_or_default();
            if !(issuer.starts_with("https://") || issuer.starts_with("http://")) {
                return bad("JwtConfiguration with a valid Issuer URL is required for JWT authorizers");
            }
            if config.and_then(|config| config.audience.as_ref()).is_none_or(Vec::is_empty) {
                return bad("JwtConfiguration with an Audience is required for JWT authorizers");
            }
            let [source] = sources else { return bad("JWT authorizers need exactly one IdentitySource") };
            if !(source.starts_with("$request.header.") || source.starts_with("$request.querystring.")) {
                return bad(
                    "IdentitySource of a JWT authorizer must be a header or a query string parameter",
                );
            }
            if authorizer.authorizer_uri.is_some() || authorizer.enable_simple_responses == Some(true) {
                return bad("AuthorizerUri and EnableSimpleResponses are not supported for JWT authorizers");
            }
            Ok(())
        }
        Some("REQUEST") => {
            if !authorizer.authorizer_uri.as_deref().is_some_and(|uri| uri.starts_with("arn:")) {
                return bad("AuthorizerUri is required for REQUEST authorizers");
            }
            match version {
                Some("1.0" | "2.0") if http => {}
                None if !http => {}
                None => {
                    return bad(
                        "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer",
                    );
                }
                Some(_) => return bad("AuthorizerPayloadFormatVersion is not valid for this authorizer"),
            }
            if authorizer.enable_simple_responses == Some(true) && version != Some("2.0") {
                return bad("EnableSimpleResponses is supported only for payload format version 2.0");
            }
            if http && authorizer.authorizer_result_ttl_in_seconds.unwrap_or(0) > 0 && sources.is_empty() {
                return bad("IdentitySource is required when caching is enabled");
            }
            for source in sources {
                let known = if http {
                    ["$request.header.", "$request.querystring.", "$context.", "$stageVariables."]
                } else {
                    ["route.request.header.", "route.request.querystring.", "context.", "stageVariables."]
                };
                let template = Template::parse(source);
                if !known.iter().any(|prefix| source.starts_with(prefix))
                    || (http && template.variable().is_none())
                {
                    return Err(errors::bad_request(format!(
                        "Invalid mapping expression specified: {source}"
                    )));
                }
            }
            Ok(())
        }
        _ => bad("AuthorizerType must be REQUEST or JWT"),
    }
}
