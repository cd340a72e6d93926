//! What a stack offers, as a table: endpoints, functions, queues, buckets, outputs.

use http::Method;
use serde_json::{Value, json};

use super::{
    progress::Progress,
    stack::{Resource, Stack, State},
};
use crate::{aws::Aws, failure::Failure};

/// A stack's parts that people look for.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Method and URL.
    pub(crate) endpoints: Vec<(String, String)>,
    /// Logical id and name.
    pub(crate) functions: Vec<(String, String)>,
    /// Logical id and URL.
    pub(crate) queues: Vec<(String, String)>,
    /// Logical id and name.
    pub(crate) buckets: Vec<(String, String)>,
    outputs: Vec<[String; 3]>,
}

impl Summary {
    /// Asks the server.
    pub(crate) async fn of(aws: &Aws<'_>, stack: &Stack<'_>, state: &State) -> Result<Self, Failure> {
        let mut summary = Self { outputs: state.outputs.clone(), ..Self::default() };
        for Resource { logical_id, kind, id } in stack.resources().await? {
            match kind.as_str() {
                "AWS::Lambda::Function" => summary.functions.push((logical_id, id)),
                "AWS::SQS::Queue" => summary.queues.push((logical_id, id)),
                "AWS::S3::Bucket" => summary.buckets.push((logical_id, id)),
                "AWS::ApiGatewayV2::Api" => summary.endpoints.extend(routes(aws, &id).await?),
                "AWS::Lambda::Url" => summary.endpoints.extend(function_url(aws, &id).await?),
                _ => {}
            }
        }
        Ok(summary)
    }

    /// The functions' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.functions.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Shows it.
    pub(crate) fn show(&self, name: &str, status: &str, progress: &Progress) {
        let pairs = |pairs: &[(String, String)]| -> Value {
            pairs
                .iter()
                .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let endpoints: Vec<Value> =
            self.endpoints.iter().map(|(method, url)| json!({ "method": method, "url": url })).collect();
        let outputs: serde_json::Map<String, Value> =
            self.outputs.iter().map(|[key, value, _]| (key.clone(), value.as_str().into())).collect();
        progress.tell(&json!({
            "stack": name, "status": status, "endpoints": endpoints, "functions": pairs(&self.functions),
            "queues": pairs(&self.queues), "buckets": pairs(&self.buckets), "outputs": outputs,
        }));
        let section = |title: &str, rows: &[(String, String)]| {
            if rows.is_empty() {
                return;
            }
            let wide = rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
            progress.say(&format!("\n{}", progress.paint(1, title)));
            for (key, value) in rows {
                progress.say(&format!("  {key:wide$}  {value}"));
            }
        };
        section("Endpoints", &self.endpoints);
        section("Functions", &self.functions);
        section("Queues", &self.queues);
        section("Buckets", &self.buckets);
        let outputs: Vec<(String, String)> =
            self.outputs.iter().map(|[key, value, _]| (key.clone(), value.clone())).collect();
        section("Outputs", &outputs);
        progress.say("");
    }
}

/// An HTTP API's routes, as URLs that work on this machine.
async fn routes(aws: &Aws<'_>, api: &str) -> Result<Vec<(String, String)>, Failure> {
    let items = |answer: &Value, member: &str| -> Vec<String> {
        let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.get(member)?.as_str().map(str::to_owned)).collect()
    };
    let list = async |what: &str| {
        let path = format!("/v2/apis/{api}/{what}");
        let answer = aws.send("apigateway", Method::GET, &path, &[], bytes::Bytes::new()).await?;
        Ok::<_, Failure>(answer.json())
    };
    let stages = items(&list("stages").await?, "stageName");
    let routes = items(&list("routes").await?, "routeKey");
    let mut out = Vec::new();
    for stage in &stages {
        let prefix = if stage == "$default" { String::new() } else { format!("/{stage}") };
        for route in &routes {
            let (method, path) = route.split_once(' ').unwrap_or(("ANY", "/"));
            out.push((
                method.to_owned(),
                format!("{}{prefix}{path}", aws.server.url_of_host(&format!("{api}.execute-api"))),
            ));
        }
    }
    Ok(out)
}

/// A function's own URL.
async fn function_url(aws: &Aws<'_>, function: &str) -> Result<Option<(String, String)>, Failure> {
    let name = function.rsplit(':').next().unwrap_or(function);
    let path = format!("/2021-10-31/functions/{name}/url");
    let answer = aws.send("lambda", Method::GET, &path, &[], bytes::Bytes::new()).await?;
    let url = answer.json().get("FunctionUrl").and_then(Value::as_str).map(str::to_owned);
    let Some(id) = url.as_deref().and_then(|url| url.split("://").nth(1)?.split('.').next()) else {
        return Ok(None);
    };
    Ok(Some((
        "ANY".to_owned(),
        format!("{}/", aws.server.url_of_host(&format!("{id}.lambda-url.{}", aws.region))),
    )))
}
