//! APIs that pages call.

use serde_json::Value;

use super::Finding;
use super::facts::Facts;

pub(super) fn find(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let says = ["access-control-allow-origin", "Access-Control-Allow-Origin"];
    let functions_answer = facts.all_scripts().any(|script| script.says(&says) && script.says(&["OPTIONS"]));
    for (id, api) in facts.all("AWS::ApiGatewayV2::Api") {
        let is_http = api.get("Body").is_some() || api.get("ProtocolType").is_some_and(|kind| kind == "HTTP");
        let answers = functions_answer
            || api.get("CorsConfiguration").is_some()
            || api.pointer("/Body/x-amazon-apigateway-cors").is_some()
            || options_in(api.get("Body"))
            || facts.all("AWS::ApiGatewayV2::Route").any(|(_, route)| {
                route.get("RouteKey").and_then(Value::as_str).is_some_and(|key| key.starts_with("OPTIONS "))
            });
        if is_http && !answers {
            let why = format!(
                "{id} does not answer browsers' questions (CORS): a page of another origin cannot call it, unless every \
                 function answers OPTIONS and sends the headers itself"
            );
            let mend = "Set CorsConfiguration (httpApi.cors in a serverless.yml) with the origins that may call; pass over this rule \
                        (--ignore cors-missing) if no page does.";
            findings.push(Finding::of(facts, "cors-missing", id, "CorsConfiguration", why, mend));
        }
    }
}

fn options_in(body: Option<&Value>) -> bool {
    let paths = body.and_then(|body| body.get("paths")?.as_object());
    paths.into_iter().flatten().any(|(_, path)| path.get("options").is_some())
}
