//! What variables of a `serverless.yml` look up in a running server.

use std::thread;

use bytes::Bytes;
use http::Method;
use moln_deploy::serverless::Outside;
use serde_json::{Value, json};

use super::stack::Stack;
use crate::{aws::Aws, client::Server, failure::Failure};

/// A server that is asked while a file is read. Reading is synchronous; each question waits on a thread of its own.
pub(crate) struct Running<'s>(pub(crate) &'s Server);

impl Running<'_> {
    fn ask<T: Send>(
        &self,
        region: &str,
        question: impl AsyncFnOnce(&Aws<'_>) -> Result<T, Failure> + Send,
    ) -> Result<T, String> {
        let aws = Aws { server: self.0, region: region.to_owned() };
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|why| why.to_string())?;
            runtime.block_on(question(&aws)).map_err(|failure| failure.to_string())
        };
        thread::scope(|scope| scope.spawn(work).join())
            .unwrap_or_else(|_| Err("the question was not answered".into()))
    }
}

impl Outside for Running<'_> {
    fn stack_output(&self, region: &str, stack: &str, output: &str) -> Result<Option<String>, String> {
        self.ask(region, async |aws| {
            let state = Stack { aws, name: stack }.state().await?;
            let outputs = state.map(|state| state.outputs).unwrap_or_default();
            Ok(outputs.into_iter().find(|[key, ..]| key == output).map(|[_, value, _]| value))
        })
    }

    fn parameter(&self, region: &str, name: &str, decrypt: bool) -> Result<Option<(String, String)>, String> {
        self.ask(region, async |aws| {
            let input = json!({ "Name": name, "WithDecryption": decrypt });
            let (status, answer) = aws.json("ssm", "AmazonSSM.GetParameter", &input).await?;
            if status.is_success() {
                let text = |member: &str| {
                    let value = answer.get("Parameter").and_then(|parameter| parameter.get(member));
                    value.and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                return Ok(Some((text("Type"), text("Value"))));
            }
            let code = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
            if code.ends_with("ParameterNotFound") {
                Ok(None)
            } else {
                Err(aws.server.refused(status, &answer))
            }
        })
    }

    fn object(&self, region: &str, bucket: &str, key: &str) -> Result<Option<String>, String> {
        self.ask(region, async |aws| {
            let path = format!("/{bucket}/{key}");
            let headers = [("x-amz-content-sha256", "UNSIGNED-PAYLOAD".to_owned())];
            let answer = aws.send("s3", Method::GET, &path, &headers, Bytes::new()).await?;
            if answer.status == http::StatusCode::NOT_FOUND {
                return Ok(None);
            }
            if !answer.status.is_success() {
                return Err(aws.server.refused(answer.status, &Value::Null));
            }
            Ok(Some(String::from_utf8_lossy(&answer.body).into_owned()))
        })
    }
}
