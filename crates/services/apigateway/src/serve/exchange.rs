//! A request on its way through a stage, and what variables say of it.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>

use std::time::Duration;

use bytes::Bytes;
use http::{header, request::Parts};
use moln_http_event::request;
use moln_kernel::{Context, Timestamp};
use serde_json::{Map, Value};

use super::{Planned, mapping::body_part, plan::Plan};

/// A request, as far as it came.
pub(crate) struct Exchange<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) plan: &'a Plan,
    pub(crate) head: &'a Parts,
    pub(crate) body: Bytes,
    /// The host without its port.
    pub(crate) domain: String,
    pub(crate) port: String,
    /// Behind stage and mapping.
    pub(crate) path: String,
    /// What a mapping matched of the path.
    pub(crate) base_path: Option<String>,
    pub(crate) trace: String,
    pub(crate) source: String,
    /// The id in `apigw-requestid`.
    pub(crate) id: String,
    pub(crate) route: Option<&'a Planned>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) authorized: Authorized,
    /// Why it was refused or failed: `error.message`, and the type of the answer.
    pub(crate) error: Option<(String, &'static str)>,
    pub(crate) authorizer_error: Option<String>,
    pub(crate) integration: Integrated,
}

/// What an authorizer said of the caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Authorized {
    /// Nobody was asked.
    #[default]
    Open,
    /// A JSON web token.
    Jwt {
        /// Its claims, as texts.
        claims: Map<String, Value>,
        /// Its scopes that the route asks for.
        scopes: Option<Vec<String>>,
    },
    /// What a function said.
    Lambda {
        /// Who the caller is.
        principal: Option<String>,
        /// What it tells the integration.
        context: Map<String, Value>,
    },
    /// A signature.
    Iam,
}

/// How the integration went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Integrated {
    pub(crate) status: Option<u16>,
    /// What the function behind it answered of itself.
    pub(crate) inner_status: Option<u16>,
    pub(crate) latency: Option<Duration>,
    pub(crate) error: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// A request's answer, for variables of it.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) length: u64,
    pub(crate) now: Timestamp,
}

impl Exchange<'_> {
    /// The path as events in the newer format have it: with the stage, without what a mapping matched.
    pub(crate) fn staged_path(&self) -> String {
        match self.plan.stage.stage_name.as_str() {
            "$default" => self.path.clone(),
            stage => format!("/{stage}{}", self.path),
        }
    }

    /// The route's key.
    pub(crate) fn route_key(&self) -> &str {
        self.route.map_or("", |planned| &planned.route.route_key)
    }

    /// The stage's variables.
    pub(crate) fn variables(&self) -> Map<String, Value> {
        let all = self.plan.stage.stage_variables.iter().flatten();
        all.map(|(name, value)| (name.clone(), value.clone().into())).collect()
    }

    /// Whose call it is, when it was signed and that was asked for.
    pub(crate) fn signer(&self) -> Option<&Context> {
        (self.authorized == Authorized::Iam).then_some(self.ctx)
    }

    /// What a variable of a request or of the context stands for.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let (root, rest) = name.split_once('.')?;
        match root {
            "context" => self.context(rest, None),
            "stageVariables" => self.plan.stage.stage_variables.as_ref()?.get(rest).cloned(),
            "request" => self.requested(rest),
            _ => None,
        }
    }

    fn requested(&self, name: &str) -> Option<String> {
        if let Some(path) = name.strip_prefix("body") {
            return body_part(&self.body, path);
        }
        match name.split_once('.') {
            Some(("header", name)) => header_value(&self.head.headers, name),
            Some(("querystring", name)) => {
                let query = request::query(self.head.uri.query().unwrap_or_default());
                let values: Vec<_> =
                    query.filter(|(known, _)| known == name).map(|(_, value)| value).collect();
                (!values.is_empty()).then(|| values.join(","))
            }
            Some(("path", name)) => self.parameter(name),
            None if name == "path" => Some(self.path.clone()),
            None if name == "method" => Some(self.head.method.to_string()),
            _ => None,
        }
    }

    /// A parameter in the path.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// What a variable of the context stands for; `answered`: once there is an answer.
    pub(crate) fn context(&self, name: &str, answered: Option<&Answered>) -> Option<String> {
        let now = self.ctx.now;
        let signer = self.signer();
        let caller = signer.and_then(|signer| signer.caller.as_deref());
        let millis = |duration: Duration| duration.as_millis().to_string();
        let some = |text: &str| Some(text.to_owned());
        match name {
            "accountId" => some(self.plan.account.as_str()),
            "apiId" => some(&self.plan.api),
            "authorizer.error" => self.authorizer_error.clone(),
            "awsEndpointRequestId" | "integration.requestId" => self.integration.request_id.clone(),
            "customDomain.basePathMatched" => self.base_path.clone(),
            "dataProcessed" => {
                answered.map(|answered| (answered.length + self.body.len() as u64).to_string())
            }
            "domainName" => some(&self.domain),
            "domainPrefix" => self.domain.split('.').next().map(str::to_owned),
            "error.message" => self.error.as_ref().map(|error| error.0.clone()),
            "error.messageString" => self.error.as_ref().map(|error| format!("{:?}", error.0)),
            "error.responseType" => self.error.as_ref().map(|error| error.1.to_owned()),
            "extendedRequestId" | "requestId" => some(&self.id),
            "httpMethod" => some(self.head.method.as_str()),
            "identity.accountId" => signer.map(|signer| signer.account.to_string()),
            "identity.accessKey" => caller.map(|caller| caller.access_key_id.to_string()),
            "identity.caller" | "identity.user" => caller.map(|caller| caller.user_id.to_string()),
            "identity.sourceIp" => some(&self.source),
            "identity.userAgent" => {
                self.head.headers.get(header::USER_AGENT)?.to_str().ok().map(str::to_owned)
            }
            "identity.userArn" => signer.map(request::signer_arn),
            "integration.error" | "integrationErrorMessage" => self.integration.error.clone(),
            "integration.integrationStatus" | "integrationStatus" => {
                self.integration.status.map(|status| status.to_string())
            }
            "integration.status" => {
                self.integration.inner_status.or(self.integration.status).map(|status| status.to_string())
            }
            "integration.latency" | "integrationLatency" => self.integration.latency.map(millis),
            "path" => some(self.head.uri.path()),
            "protocol" => some("HTTP/1.1"),
            "requestTime" => Some(request::common_log_time(now)),
            "requestTimeEpoch" => Some(now.millis().to_string()),
            "responseLatency" => answered.map(|answered| millis(answered.now.since(now))),
            "responseLength" => answered.map(|answered| answered.length.to_string()),
            "routeKey" => self.route.map(|planned| planned.route.route_key.clone()),
            "stage" => some(&self.plan.stage.stage_name),
            "status" => answered.map(|answered| answered.status.to_string()),
            other => self.authorizer(other.strip_prefix("authorizer.")?),
        }
    }

    fn authorizer(&self, name: &str) -> Option<String> {
        let value = match &self.authorized {
            Authorized::Jwt { claims, .. } => claims.get(name.strip_prefix("claims.")?)?,
            Authorized::Lambda { principal, .. } if name == "principalId" => return principal.clone(),
            Authorized::Lambda { context, .. } => context.get(name)?,
            Authorized::Open | Authorized::Iam => return None,
        };
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// `requestContext.authorizer` of the newer format.
    pub(crate) fn authorizer_value(&self) -> Option<Value> {
        match &self.authorized {
            Authorized::Open => None,
            Authorized::Jwt { claims, scopes } => {
                Some(serde_json::json!({"jwt": {"claims": claims, "scopes": scopes}}))
            }
            Authorized::Lambda { context, .. } => Some(serde_json::json!({"lambda": context})),
            Authorized::Iam => Some(serde_json::json!({"iam": request::signer(self.ctx)})),
        }
    }
}

/// The values of a header, joined.
pub(crate) fn header_value(headers: &http::HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}
