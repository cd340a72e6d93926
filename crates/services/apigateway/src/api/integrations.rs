//! Integrations and their responses.

use std::sync::Arc;

use moln_kernel::{ApiError, Context};
use moln_wire::Shape;

use crate::{
    Apis, errors, limits,
    model::{
        CreateIntegrationRequest, CreateIntegrationResponseRequest, Integration, IntegrationResponse,
        UpdateIntegrationRequest, UpdateIntegrationResponseRequest,
    },
    recast::{amended, recast},
    serve::{mapping, service},
    state::Draft,
};

impl Apis {
    pub(crate) async fn add_integration<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateIntegrationRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let mut integration: Integration = recast(&input)?;
            complete(draft, &mut integration);
            check(draft, &integration)?;
            let id = draft.id_or_new::<Integration>(at)?;
            integration.integration_id = Some(id.clone());
            draft.put(&id, &integration)?;
            recast(&integration)
        })
        .await
    }

    pub(crate) async fn amend_integration<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateIntegrationRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let before: Arc<Integration> = draft.get(&input.integration_id)?;
            let mut integration = amended(&*before, &input)?;
            // A parameter with an empty value goes.
            if let Some(all) = &mut integration.request_parameters {
                if let Some(kept) = &before.request_parameters {
                    let mut merged = kept.clone();
                    merged.append(all);
                    *all = merged;
                }
                all.retain(|_, value| !value.is_empty());
            }
            if let Some(all) = &mut integration.response_parameters {
                if let Some(kept) = &before.response_parameters {
                    let mut merged = kept.clone();
                    merged.append(all);
                    *all = merged;
                }
                all.retain(|_, changes| {
                    changes.retain(|_, value| !value.is_empty());
                    !changes.is_empty()
                });
            }
            check(draft, &integration)?;
            draft.put(&input.integration_id, &integration)?;
            recast(&integration)
        })
        .await
    }

    pub(crate) async fn remove_integration(
        &self,
        ctx: &Context,
        api: &str,
        id: &str,
    ) -> Result<(), ApiError> {
        self.change(ctx, api, |draft| {
            let target = format!("integrations/{id}");
            if draft.definition.routes.values().any(|route| route.target.as_ref() == Some(&target)) {
                return Err(errors::conflict(format!(
                    "Cannot delete Integration with id {id}. Dependent routes exist"
                )));
            }
            let below = format!("{id}/");
            let responses =
                draft.definition.integration_responses.keys().filter(|key| key.starts_with(&below));
            for response in responses.cloned().collect::<Vec<_>>() {
                draft.remove::<IntegrationResponse>(&response)?;
            }
            draft.remove::<Integration>(id)
        })
        .await
    }

    pub(crate) async fn add_integration_response<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: CreateIntegrationResponseRequest,
        at: Option<&str>,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let response: IntegrationResponse = recast(&input)?;
            check_response(draft, &input.integration_id, &response)?;
            let below = format!("{}/", input.integration_id);
            let own = at.map(|id| format!("{below}{id}"));
            let others = draft.definition.integration_responses.iter();
            let mut others = others.filter(|(key, _)| key.starts_with(&below) && own.as_ref() != Some(key));
            if others.any(|(_, one)| one.integration_response_key == response.integration_response_key) {
                return Err(errors::conflict("IntegrationResponse already exists for this integration"));
            }
            let id = match at {
                Some(id) => id.to_owned(),
                None => draft.new_id::<IntegrationResponse>()?,
            };
            let response = IntegrationResponse { integration_response_id: Some(id.clone()), ..response };
            draft.put(&format!("{below}{id}"), &response)?;
            recast(&response)
        })
        .await
    }

    pub(crate) async fn amend_integration_response<O: Shape + Send>(
        &self,
        ctx: &Context,
        input: UpdateIntegrationResponseRequest,
    ) -> Result<O, ApiError> {
        self.change(ctx, &input.api_id, |draft| {
            let key = format!("{}/{}", input.integration_id, input.integration_response_id);
            let before: Arc<IntegrationResponse> = draft.get(&key)?;
            let response = amended(&*before, &input)?;
            check_response(draft, &input.integration_id, &response)?;
            draft.put(&key, &response)?;
            recast(&response)
        })
        .await
    }
}

/// What an integration has that nobody asked for.
pub(crate) fn complete(draft: &Draft, integration: &mut Integration) {
    let http = draft.definition.api.protocol_type == "HTTP";
    let longest = if http { 30_000 } else { limits::WEBSOCKET_TIMEOUT };
    integration.connection_type.get_or_insert_with(|| "INTERNET".to_owned());
    integration.timeout_in_millis.get_or_insert(longest);
    integration.payload_format_version.get_or_insert_with(|| "1.0".to_owned());
    if integration.integration_type.as_deref() == Some("AWS_PROXY")
        && integration.integration_subtype.is_none()
    {
        integration.integration_method.get_or_insert_with(|| "POST".to_owned());
    }
    if !http {
        integration.passthrough_behavior.get_or_insert_with(|| "WHEN_NO_MATCH".to_owned());
        integration
            .integration_response_selection_expression
            .get_or_insert_with(|| "${integration.response.statuscode}".to_owned());
    }
}

/// Judges an integration.
pub(crate) fn check(draft: &Draft, integration: &Integration) -> Result<(), ApiError> {
    let http = draft.definition.api.protocol_type == "HTTP";
    let kind = integration.integration_type.as_deref().unwrap_or_default();
    let uri = integration.integration_uri.as_deref();
    let longest = if http { 30_000 } else { limits::WEBSOCKET_TIMEOUT };
    let timeout = integration.timeout_in_millis.unwrap_or(longest);
    if !(limits::TIMEOUT_LEAST..=longest).contains(&timeout) {
        return Err(errors::bad_request(format!(
            "Timeout should be between {} ms and {longest} ms",
            limits::TIMEOUT_LEAST
        )));
    }
    if integration.connection_type.as_deref() == Some("VPC_LINK") {
        return Err(errors::not_built("private integrations (VPC_LINK): there is no VPC to link to"));
    }
    if http && !matches!(kind, "AWS_PROXY" | "HTTP_PROXY") {
        return Err(errors::bad_request(
            "HTTP APIs support only integrations of type AWS_PROXY and HTTP_PROXY",
        ));
    }
    let version = integration.payload_format_version.as_deref().unwrap_or("1.0");
    if !matches!(version, "1.0" | "2.0") || (version == "2.0" && (!http || kind != "AWS_PROXY")) {
        return Err(errors::bad_request("PayloadFormatVersion is not valid for this integration"));
    }
    match kind {
        "AWS_PROXY" => match &integration.integration_subtype {
            Some(_) if !http => {
                return Err(errors::bad_request("IntegrationSubtype is supported only for HTTP APIs"));
            }
            Some(_) => service::check(integration)?,
            None if !uri.is_some_and(|uri| uri.starts_with("arn:")) => {
                return Err(errors::bad_request("IntegrationUri should be a valid ARN of a Lambda function"));
            }
            None => {}
        },
        "HTTP_PROXY" | "HTTP" => {
            if !uri.is_some_and(|uri| uri.starts_with("http://") || uri.starts_with("https://")) {
                return Err(errors::bad_request("Invalid HTTP endpoint specified for URI"));
            }
            if integration.integration_method.is_none() {
                return Err(errors::bad_request("HttpMethod must be specified for HTTP_PROXY integrations"));
            }
            if kind == "HTTP" {
                return Err(errors::not_built("HTTP integrations with templates; HTTP_PROXY is there"));
            }
        }
        "MOCK" => {}
        _ => return Err(errors::not_built("AWS integrations with templates; AWS_PROXY is there")),
    }
    let templates = integration.request_templates.iter().flat_map(|all| all.values());
    for template in templates {
        check_template(template)?;
    }
    if http {
        mapping::check_request(integration)?;
        mapping::check_response(integration)?;
    }
    Ok(())
}

fn check_response(draft: &Draft, integration: &str, response: &IntegrationResponse) -> Result<(), ApiError> {
    draft.get::<Integration>(integration)?;
    if draft.definition.api.protocol_type != "WEBSOCKET" {
        return Err(errors::bad_request("IntegrationResponse is supported only for WEBSOCKET protocol type"));
    }
    response.response_templates.iter().flat_map(|all| all.values()).try_for_each(|text| check_template(text))
}

/// Templates that say the same for every request are built; VTL is not.
fn check_template(template: &str) -> Result<(), ApiError> {
    if template.contains(['$', '#']) {
        return Err(errors::not_built("mapping templates with variables or directives (VTL)"));
    }
    Ok(())
}
