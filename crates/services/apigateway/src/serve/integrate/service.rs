//! First-class integrations: requests become calls of other services.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html>

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use moln_kernel::{
    ApiError, Context, Principal, ids,
    ports::{BusEvent, QueueAttributeValue, QueueMessage, QueueMessageAttribute},
};
use serde_json::{Value, json};

use super::Reply;
use crate::{
    Apis, errors,
    model::Integration,
    serve::{exchange::Exchange, plan::Target, refusal::Refusal},
};

/// A subtype with the parameters that must be there and those that may.
struct Subtype {
    name: &'static str,
    needed: &'static [&'static str],
    optional: &'static [&'static str],
}

const BUILT: [Subtype; 2] = [
    Subtype {
        name: "SQS-SendMessage",
        needed: &["QueueUrl", "MessageBody"],
        optional: &[
            "DelaySeconds",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageSystemAttributes",
            "Region",
        ],
    },
    Subtype {
        name: "EventBridge-PutEvents",
        needed: &["Detail", "DetailType", "Source"],
        optional: &["Time", "EventBusName", "Resources", "Region", "TraceHeader"],
    },
];

/// Judges a first-class integration.
pub(crate) fn check(integration: &Integration) -> Result<(), ApiError> {
    let name = integration.integration_subtype.as_deref().unwrap_or_default();
    let Some(subtype) = BUILT.iter().find(|subtype| subtype.name == name) else {
        return Err(errors::not_built(&format!("the integration subtype {name}")));
    };
    if integration.credentials_arn.is_none() {
        return Err(errors::bad_request(
            "The parameter CredentialsArn is required for this integration subtype.",
        ));
    }
    if integration.payload_format_version.as_deref() != Some("1.0") {
        return Err(errors::bad_request("PayloadFormatVersion must be 1.0 for this integration subtype"));
    }
    let given: Vec<&str> =
        integration.request_parameters.iter().flat_map(|all| all.keys()).map(String::as_str).collect();
    if let Some(missing) = subtype.needed.iter().find(|needed| !given.contains(*needed)) {
        return Err(errors::bad_request(format!(
            "Parameter {missing} is required for the integration subtype {name}."
        )));
    }
    for parameter in given {
        if matches!(parameter, "MessageSystemAttributes" | "DelaySeconds" | "Time" | "TraceHeader") {
            return Err(errors::not_built(&format!("the parameter {parameter} of {name}")));
        }
        if !subtype.needed.contains(&parameter) && !subtype.optional.contains(&parameter) {
            return Err(errors::bad_request(format!(
                "Parameter {parameter} is not supported for the integration subtype {name}."
            )));
        }
    }
    Ok(())
}

type Parameters = BTreeMap<String, String>;

impl Apis {
    /// Calls the service that an integration names.
    pub(super) async fn to_service(
        &self,
        exchange: &Exchange<'_>,
        target: &Target,
    ) -> Result<Reply, Refusal> {
        let parameters: Parameters = target
            .parameters
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.value(|name| exchange.value(name))?)))
            .collect();
        let mut ctx = exchange.ctx.clone();
        ctx.account.clone_from(&exchange.plan.account);
        ctx.region = match parameters.get("Region") {
            Some(region) => region.as_str().into(),
            None => exchange.plan.region.clone(),
        };
        // It acts in the integration's role.
        ctx.principal = Principal::Arn(target.integration.credentials_arn.clone().unwrap_or_default().into());
        let name = target.integration.integration_subtype.as_deref().unwrap_or_default();
        let result = match name {
            "SQS-SendMessage" => self.send_message(&ctx, &parameters).await,
            "EventBridge-PutEvents" => self.put_event(&ctx, &parameters).await,
            other => Err(errors::not_built(&format!("the integration subtype {other}"))),
        };
        let (status, body) = match result {
            Ok(body) => (StatusCode::OK, body),
            Err(why) => {
                let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, json!({"__type": why.code, "message": why.message}))
            }
        };
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Ok(Reply { status, headers, body: body.to_string().into() })
    }

    async fn send_message(&self, ctx: &Context, parameters: &Parameters) -> Result<Value, ApiError> {
        let Some(queues) = &self.ports.queues else { return Err(errors::not_built("queues")) };
        let arn = queue_arn(ctx, need(parameters, "QueueUrl")?)?;
        let body = need(parameters, "MessageBody")?.to_owned();
        let attributes = match parameters.get("MessageAttributes") {
            Some(text) => attributes(text)?,
            None => BTreeMap::new(),
        };
        let message = QueueMessage {
            body,
            attributes,
            group_id: parameters.get("MessageGroupId").cloned(),
            deduplication_id: parameters.get("MessageDeduplicationId").cloned(),
        };
        let id = queues.send(ctx, &arn, message).await?;
        Ok(json!({"SendMessageResponse": {
            "ResponseMetadata": {"RequestId": ctx.request_id.as_str()},
            "SendMessageResult": {"MessageId": id},
        }}))
    }

    async fn put_event(&self, ctx: &Context, parameters: &Parameters) -> Result<Value, ApiError> {
        let Some(buses) = &self.ports.buses else { return Err(errors::not_built("event buses")) };
        let name = parameters.get("EventBusName").map_or("default", String::as_str);
        let arn = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            ctx.arn("events", &format!("event-bus/{name}")).map(|arn| arn.to_string()).unwrap_or_default()
        };
        let resources = parameters.get("Resources").map(|text| serde_json::from_str(text));
        let event = BusEvent {
            source: need(parameters, "Source")?.to_owned(),
            detail_type: need(parameters, "DetailType")?.to_owned(),
            detail: need(parameters, "Detail")?.to_owned(),
            resources: resources.transpose().map_err(|_| invalid("Resources"))?.unwrap_or_default(),
        };
        let id = buses.put(ctx, &arn, event).await?;
        Ok(json!({"Entries": [{"EventId": id}], "FailedEntryCount": 0}))
    }
}

fn need<'p>(parameters: &'p Parameters, name: &str) -> Result<&'p str, ApiError> {
    parameters.get(name).map(String::as_str).ok_or_else(|| invalid(name))
}

fn invalid(name: &str) -> ApiError {
    errors::bad_request(format!("The value of the parameter {name} is missing or not valid."))
}

/// The ARN of a queue by its URL (`…/ACCOUNT/NAME`) or name.
fn queue_arn(ctx: &Context, url: &str) -> Result<String, ApiError> {
    if url.starts_with("arn:") {
        return Ok(url.to_owned());
    }
    let mut parts = url.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let account = parts.next().and_then(moln_kernel::AccountId::parse).unwrap_or_else(|| ctx.account.clone());
    let whose = Context { account, ..ctx.clone() };
    whose.arn("sqs", name).map(|arn| arn.to_string()).map_err(|_| invalid("QueueUrl"))
}

/// `{"name": {"DataType": "String", "StringValue": "x"}}`
fn attributes(text: &str) -> Result<BTreeMap<String, QueueMessageAttribute>, ApiError> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bad = || invalid("MessageAttributes");
    let all: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(text).map_err(|_| bad())?;
    let read = |(name, mut one): (String, BTreeMap<String, String>)| {
        let data_type = one.remove("DataType").ok_or_else(bad)?;
        let value = match (one.remove("StringValue"), one.remove("BinaryValue")) {
            (Some(text), _) => QueueAttributeValue::Text(text),
            (None, Some(encoded)) => {
                QueueAttributeValue::Binary(STANDARD.decode(encoded).map_err(|_| bad())?.into())
            }
            (None, None) => return Err(bad()),
        };
        Ok((name, QueueMessageAttribute { data_type, value }))
    };
    all.into_iter().map(read).collect()
}

/// An id as AWS's edge gives one to every request: fifteen letters and an equals sign.
pub(crate) fn edge_id() -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bits = ids::unique().to_be_bytes();
    let mut id = STANDARD.encode(bits.get(..12).unwrap_or_default());
    id.truncate(15);
    id.push('=');
    id.replace(['+', '/'], "_")
}
