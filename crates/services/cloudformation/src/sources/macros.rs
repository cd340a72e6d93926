//! Macros: `AWS::Include`, which is text from a bucket, SAM, and functions that rewrite templates.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros.html>

use bytes::Bytes;
use moln_deploy::{
    document, sam,
    template::{Pseudo, Settled, Transform},
};
use moln_kernel::{ApiError, Context, ids::Uuid, ports::InvocationType};
use serde_json::{Map, Value, json};

use crate::{
    Stacks,
    core::resources,
    limits,
    own::MACRO,
    sources::{failed, parse},
    tables::{NAMES, STACKS},
};

impl Stacks {
    /// What a macro makes of its fragment.
    pub(super) async fn run_macro(
        &self,
        ctx: &Context,
        transform: &Transform,
        settled: &[Settled],
        pseudo: &Pseudo,
    ) -> Result<Value, ApiError> {
        match transform.name.as_str() {
            "AWS::Include" => self.include(ctx, transform).await,
            sam::TRANSFORM => sam::expand(&transform.fragment, settled, pseudo).map_err(|problem| {
                failed(format!("Transform {} failed with: {}", sam::TRANSFORM, problem.text))
            }),
            name if name.starts_with("AWS::") => {
                Err(failed(format!("Transform {name} failed with: there is no such transform here yet.")))
            }
            name => self.call_macro(ctx, name, transform, settled, pseudo).await,
        }
    }

    /// The text at `Location`, JSON or YAML, in place of the transform.
    async fn include(&self, ctx: &Context, transform: &Transform) -> Result<Value, ApiError> {
        let bad = |why: &str| failed(format!("Transform AWS::Include failed with: {why}"));
        let location = transform.parameters.get("Location").and_then(Value::as_str);
        let location = location.ok_or_else(|| bad("The location parameter must be specified."))?;
        let text = self.object(ctx, location, limits::TEMPLATE_URL).await.map_err(|error| {
            let place = parse(location);
            let (bucket, key) = place.map(|place| (place.bucket, place.key)).unwrap_or_default();
            match error.code.as_ref() {
                "NoSuchBucket" => bad(&format!("S3 bucket [{bucket}] does not exist.")),
                "NoSuchKey" => bad(&format!("S3 object [{key}] does not exist.")),
                _ => bad(&error.message),
            }
        })?;
        let included = document::read(&text).map_err(|problem| bad(&problem.text))?;
        Ok(included.to_json())
    }

    /// Asks the function behind a macro.
    async fn call_macro(
        &self,
        ctx: &Context,
        name: &str,
        transform: &Transform,
        settled: &[Settled],
        pseudo: &Pseudo,
    ) -> Result<Value, ApiError> {
        let bad = |why: &str| failed(format!("Transform {}::{name} failed with: {why}", ctx.account));
        let function = self.macro_function(ctx, name)?;
        let (Some(function), Some(functions)) = (function, &self.functions) else {
            return Err(failed(format!("No transform named {}::{name} found.", ctx.account)));
        };
        let request = Uuid::random().to_string();
        let values: Map<String, Value> =
            settled.iter().map(|parameter| (parameter.name.clone(), parameter.value.clone())).collect();
        let event = json!({
            "accountId": pseudo.account,
            "fragment": transform.fragment,
            "transformId": format!("{}::{name}", pseudo.account),
            "requestId": request,
            "region": pseudo.region,
            "params": transform.parameters,
            "templateParameterValues": values,
        });
        let payload = Bytes::from(event.to_string());
        let answer = functions
            .invoke(ctx, &function, payload, InvocationType::RequestResponse)
            .await
            .map_err(|error| bad(&error.message))?;
        let malformed =
            || failed(format!("Received malformed response from transform {}::{name}", ctx.account));
        if answer.error.is_some() {
            return Err(malformed());
        }
        let body: Value = serde_json::from_slice(&answer.payload).map_err(|_| malformed())?;
        let status = body.get("status").and_then(Value::as_str).ok_or_else(malformed)?;
        if !status.eq_ignore_ascii_case("success") {
            return Err(match body.get("errorMessage").and_then(Value::as_str) {
                Some(why) => bad(why),
                None => failed(format!("Transform {}::{name} failed without an error message.", ctx.account)),
            });
        }
        body.get("fragment").cloned().ok_or_else(malformed)
    }

    /// The function of a macro that some stack of the account has made.
    fn macro_function(&self, ctx: &Context, name: &str) -> Result<Option<String>, ApiError> {
        let snapshot = self.store.snapshot();
        let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
        for uid in NAMES.all(&*snapshot, &[account, region])? {
            if STACKS.get(&*snapshot, &[account, region, &uid])?.is_none() {
                continue;
            }
            let rows = resources(&*snapshot, &uid)?;
            let found = rows.into_iter().find(|row| row.type_name == MACRO && row.physical_id == name);
            if let Some(row) = found {
                return Ok(row.properties.get("FunctionName").and_then(Value::as_str).map(str::to_owned));
            }
        }
        Ok(None)
    }
}
