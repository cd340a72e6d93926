//! Macros: `AWS::Include`, which is text from a bucket, SAM, and functions that rewrite templates.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros.html>

use bytes::Bytes;
use moln_deploy::{
    document,
    template::{Pseudo, Settled, Template, Transform},
};
use moln_kernel::{ApiError, Context, ids::Uuid, ports::InvocationType};
use serde_json::{Map, Value, json};

use crate::{
    Stacks,
    core::resources,
    errors::validation,
    limits,
    own::MACRO,
    tables::{NAMES, STACKS},
};

impl Stacks {
    /// What a macro makes of its fragment.
    pub(super) async fn run_macro(
        &self,
        ctx: &Context,
        template: &Template,
        transform: &Transform,
        settled: &[Settled],
        pseudo: &Pseudo,
    ) -> Result<Value, ApiError> {
        match transform.name.as_str() {
            "AWS::Include" => self.include(ctx, transform).await,
            name if name.starts_with("AWS::") => {
                Err(validation(format!("Transform {name} failed with: there is no such transform here yet.")))
            }
            name => {
                let _ = template;
                self.call_macro(ctx, name, transform, settled, pseudo).await
            }
        }
    }

    /// The text at `Location`, JSON or YAML, in place of the transform.
    async fn include(&self, ctx: &Context, transform: &Transform) -> Result<Value, ApiError> {
        let failed = |why: &str| validation(format!("Transform AWS::Include failed with: {why}"));
        let location = transform.parameters.get("Location").and_then(Value::as_str);
        let location = location.ok_or_else(|| failed("The location parameter must be specified."))?;
        let text = self.fetch(ctx, location, limits::TEMPLATE_URL).await;
        let text = text.map_err(|error| failed(&error.message))?;
        let included = document::read(&text).map_err(|problem| failed(&problem.text))?.to_json();
        // What stood beside the transform stays, unless the snippet says it anew.
        match (&transform.fragment, included) {
            (Value::Object(beside), Value::Object(new)) => {
                let mut all: Map<String, Value> = beside.clone();
                all.extend(new);
                Ok(all.into())
            }
            (_, other) => Ok(other),
        }
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
        let failed =
            |why: String| validation(format!("Transform {}::{name} failed with: {why}", ctx.account));
        let function = self.macro_function(ctx, name)?;
        let (Some(function), Some(functions)) = (function, &self.functions) else {
            return Err(validation(format!("No transform named {}::{name} found.", ctx.account)));
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
            .map_err(|error| failed(error.message))?;
        let body: Value = serde_json::from_slice(&answer.payload).unwrap_or_default();
        if answer.error.is_some() {
            let why = body.get("errorMessage").and_then(Value::as_str).unwrap_or("the function failed");
            return Err(failed(why.to_owned()));
        }
        let status = body.get("status").and_then(Value::as_str).unwrap_or_default();
        if !status.eq_ignore_ascii_case("success") {
            let why = body.get("errorMessage").and_then(Value::as_str).map(str::to_owned);
            return Err(match why {
                Some(why) => failed(why),
                None => failed("Template has errors.".to_owned()),
            });
        }
        match body.get("fragment") {
            Some(fragment) => Ok(fragment.clone()),
            None => Err(failed("The macro's answer has no fragment.".to_owned())),
        }
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
