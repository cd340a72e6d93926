//! The Extensions API: register, next event, errors.

use std::{io, sync::Arc};

use bytes::Bytes;
use moln_kernel::ids::Uuid;
use serde::Deserialize;

use super::{
    Api,
    http::{Connection, Head},
    serve::{Success, Then, refuse},
    state::{Refusal, Reported, Stage, Wish},
};

const IDENTIFIER: &str = "Lambda-Extension-Identifier";

#[derive(Deserialize)]
struct Register {
    #[serde(default)]
    events: Vec<String>,
    #[serde(default, rename = "configurationKeys")]
    keys: Vec<String>,
}

impl Api {
    /// `POST /extension/register`
    pub(super) fn register(&self, head: &Head, body: &[u8]) -> Result<Success, Refusal> {
        let name = head.header("Lambda-Extension-Name").unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::forbidden("Extension.InvalidExtensionName", "Empty extension name"));
        }
        let bad = |message: String| Refusal::forbidden("InvalidRequestFormat", message);
        let request: Register = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
        if !request.keys.is_empty() {
            return Err(bad("configurationKeys are deprecated; use environment variables instead".into()));
        }
        let events = request
            .events
            .iter()
            .map(|event| match event.as_str() {
                "INVOKE" => Ok(Wish::Invoke),
                "SHUTDOWN" => Ok(Wish::Shutdown),
                _ => {
                    let message = format!("{event}: event not supported");
                    Err(Refusal::forbidden("Extension.InvalidEventType", message))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let id: Arc<str> = Uuid::random().into();
        let id = self.with(|state| state.register(name, events, id))?;
        let mut answer = serde_json::json!({
            "functionName": self.revision.function,
            "functionVersion": self.revision.version,
            "handler": self.revision.handler,
        });
        let features = head.header("Lambda-Extension-Accept-Feature").unwrap_or_default();
        if features.split(',').any(|feature| feature.trim() == "accountId")
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("accountId".into(), self.revision.account.as_str().into());
        }
        let body = answer.to_string().into_bytes();
        Ok(Success { status: 200, header: Some((IDENTIFIER, id.to_string())), body })
    }

    /// `GET /extension/event/next`: waits as long as it takes.
    pub(super) async fn next_event(&self, connection: &mut Connection, head: &Head) -> io::Result<Then> {
        connection.skip().await?;
        let id = head.header(IDENTIFIER);
        let waiting = self.with(|state| {
            let extension = state.extension(id)?;
            Ok((extension.next()?, extension.id.clone().unwrap_or_else(|| "".into())))
        });
        let (waiting, id) = match waiting {
            Ok(waiting) => waiting,
            Err(refusal) => {
                refuse(connection, &refusal);
                return Ok(Then::Next);
            }
        };
        connection.flush().await?;
        tokio::select! {
            biased;
            event = waiting => {
                let Ok(event) = event else { return Ok(Then::Close) };
                let headers = [
                    ("Content-Type", "application/json"),
                    (IDENTIFIER, &*id),
                    ("Lambda-Extension-Event-Identifier", Uuid::random().as_str()),
                ]
                .map(|(name, value)| (name, value.to_owned()));
                let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                connection.put(200, &headers, &event);
                connection.flush().await?;
                Ok(Then::Next)
            }
            () = connection.gone() => Ok(Then::Close),
        }
    }

    /// `POST /extension/init/error` and `/extension/exit/error`: the extension cannot go on.
    pub(super) fn extension_error(&self, head: &Head, phase: &str, body: Bytes) -> Result<Success, Refusal> {
        let id = head.header(IDENTIFIER);
        let kind = head.header("Lambda-Extension-Function-Error-Type").map(str::to_owned);
        self.with(|state| {
            let extension = state.extension(id)?;
            let kind = kind.ok_or_else(|| {
                Refusal::forbidden("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
            })?;
            let allowed = match phase {
                "init" => extension.stage == Stage::Registered,
                _ => extension.stage != Stage::Failed,
            };
            if !allowed {
                let message = format!("State transition from {:?} to Failed failed for extension {}. Error: State transition is not allowed", extension.stage, extension.name);
                return Err(Refusal::forbidden("Extension.InvalidExtensionState", message));
            }
            extension.stage = Stage::Failed;
            extension.failure = Some(Reported { kind, body });
            Ok(Success::accepted())
        })
    }
}
