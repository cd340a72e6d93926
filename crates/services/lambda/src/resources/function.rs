//! `AWS::Lambda::Function`. `Ref` is the name; `GetAtt` knows `Arn`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use moln_kernel::{
    ApiError, Context,
    clock::BoxFuture,
    resources::{Origin, Resource, ResourceHandler},
};
use serde_json::{Map, Value, json};

use super::{
    inline,
    properties::{generated_name, gone_is_fine, input, members, required, resource, some, tags, text},
};
use crate::{
    Lambda, errors,
    model::{
        DeleteFunctionConcurrencyRequest, DeleteFunctionRequest, FunctionConfiguration,
        GetFunctionConfigurationRequest, Lambda as _, TagResourceRequest, UntagResourceRequest,
    },
};

/// The handler.
pub struct FunctionHandler(pub Arc<Lambda>);

/// How long a function may take to be ready: a runtime may have to be fetched.
const READY: Duration = Duration::from_mins(10);
/// How often it is looked at. Real time: what is waited for is real work.
const LOOK: Duration = Duration::from_millis(20);

/// Properties of the configuration, and what one is that was taken out.
fn defaults() -> [(&'static str, Value); 16] {
    [
        ("DeadLetterConfig", json!({"TargetArn": ""})),
        ("Description", "".into()),
        ("Environment", json!({"Variables": {}})),
        ("EphemeralStorage", json!({"Size": 512})),
        ("FileSystemConfigs", json!([])),
        ("Handler", Value::Null),
        ("ImageConfig", json!({})),
        ("KmsKeyArn", "".into()),
        ("Layers", json!([])),
        ("LoggingConfig", json!({"LogFormat": "Text"})),
        ("MemorySize", 128.into()),
        ("Runtime", Value::Null),
        ("SnapStart", json!({"ApplyOn": "None"})),
        ("Timeout", 3.into()),
        ("TracingConfig", json!({"Mode": "PassThrough"})),
        ("VpcConfig", json!({"SubnetIds": [], "SecurityGroupIds": []})),
    ]
}

/// The code as the operations take it.
fn code(properties: &Value) -> Result<Map<String, Value>, ApiError> {
    let mut code = properties.get("Code").map(members).unwrap_or_default();
    if let Some(Value::String(inline)) = code.get("ZipFile") {
        let zip = inline::zip(&text(properties, "Runtime").unwrap_or_default(), inline)?;
        code.insert("ZipFile".into(), STANDARD.encode(zip).into());
    }
    Ok(code)
}

/// What the operations call otherwise.
fn renamed(mut properties: Map<String, Value>) -> Map<String, Value> {
    if let Some(arn) = properties.remove("KmsKeyArn") {
        properties.insert("KMSKeyArn".into(), arn);
    }
    properties
}

impl FunctionHandler {
    /// Waits until nothing is under way; an error when it failed.
    async fn settled(&self, ctx: &Context, name: &str) -> Result<FunctionConfiguration, ApiError> {
        let looks = async {
            loop {
                let input =
                    GetFunctionConfigurationRequest { function_name: name.to_owned(), qualifier: None };
                let now = self.0.get_function_configuration(ctx, input).await?;
                let failed = |reason: Option<&String>| {
                    let words =
                        reason.cloned().unwrap_or_else(|| "The function cannot be made ready.".into());
                    Err(errors::invalid_parameter(words))
                };
                match (now.state.as_deref(), now.last_update_status.as_deref()) {
                    (Some("Pending"), _) | (_, Some("InProgress")) => tokio::time::sleep(LOOK).await,
                    (Some("Failed"), _) => return failed(now.state_reason.as_ref()),
                    (_, Some("Failed")) => return failed(now.last_update_status_reason.as_ref()),
                    _ => return Ok(now),
                }
            }
        };
        match tokio::time::timeout(READY, looks).await {
            Ok(result) => result,
            Err(_) => Err(errors::service_failure("The function was not ready in time.")),
        }
    }

    async fn describe(&self, ctx: &Context, name: &str) -> Result<Resource, ApiError> {
        let input = GetFunctionConfigurationRequest { function_name: name.to_owned(), qualifier: None };
        let now = self.0.get_function_configuration(ctx, input).await?;
        Ok(resource(name, &[("Arn", now.function_arn)]))
    }

    /// What is set beside the configuration.
    async fn set_beside(
        &self,
        ctx: &Context,
        name: &str,
        before: &Value,
        after: &Value,
    ) -> Result<(), ApiError> {
        let changed = |property: &str| before.get(property) != after.get(property);
        let named = |properties: &Value, names: &[&str]| {
            let mut some = some(properties, names);
            some.insert("FunctionName".into(), name.into());
            some
        };
        if changed("ReservedConcurrentExecutions") {
            if after.get("ReservedConcurrentExecutions").is_some() {
                let asked = named(after, &["ReservedConcurrentExecutions"]);
                self.0
                    .put_function_concurrency(ctx, input(&self.0, "PutFunctionConcurrency", asked)?)
                    .await?;
            } else {
                let asked = DeleteFunctionConcurrencyRequest { function_name: name.to_owned() };
                self.0.delete_function_concurrency(ctx, asked).await?;
            }
        }
        if changed("RecursiveLoop") {
            let mut asked = named(after, &["RecursiveLoop"]);
            asked.entry("RecursiveLoop").or_insert_with(|| "Terminate".into());
            self.0
                .put_function_recursion_config(ctx, input(&self.0, "PutFunctionRecursionConfig", asked)?)
                .await?;
        }
        if changed("RuntimeManagementConfig") {
            let config = after.get("RuntimeManagementConfig").cloned();
            let mut asked = config.map(|config| members(&config)).unwrap_or_default();
            asked.entry("UpdateRuntimeOn").or_insert_with(|| "Auto".into());
            asked.insert("FunctionName".into(), name.into());
            self.0
                .put_runtime_management_config(ctx, input(&self.0, "PutRuntimeManagementConfig", asked)?)
                .await?;
        }
        Ok(())
    }

    async fn make(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let name = text(properties, "FunctionName").unwrap_or_else(|| generated_name(origin, 64));
        let mut asked = renamed(members(properties));
        for beside in ["ReservedConcurrentExecutions", "RecursiveLoop", "RuntimeManagementConfig"] {
            asked.remove(beside);
        }
        asked.insert("FunctionName".into(), name.clone().into());
        asked.insert("Code".into(), code(properties)?.into());
        let tags: Map<String, Value> =
            tags(properties).into_iter().map(|(key, value)| (key, value.into())).collect();
        asked.insert("Tags".into(), tags.into());
        self.0.create_function(ctx, input(&self.0, "CreateFunction", asked)?).await?;
        let rest = async {
            self.settled(ctx, &name).await?;
            self.set_beside(ctx, &name, &Value::Null, properties).await?;
            self.describe(ctx, &name).await
        };
        match rest.await {
            Ok(made) => Ok(made),
            Err(error) => {
                // Whole or not at all.
                let input = DeleteFunctionRequest { function_name: name, qualifier: None };
                gone_is_fine(self.0.delete_function(ctx, input).await)?;
                Err(error)
            }
        }
    }

    async fn change(
        &self,
        ctx: &Context,
        name: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        // A change that comes right behind the making (after a crash) waits for it.
        self.settled(ctx, name).await?;
        let changed = |property: &str| before.get(property) != after.get(property);
        // Inline code is packed by its runtime.
        if changed("Code")
            || changed("Architectures")
            || (changed("Runtime") && code(before)? != code(after)?)
        {
            let mut asked = code(after)?;
            asked.insert("FunctionName".into(), name.into());
            asked.insert(
                "Architectures".into(),
                after.get("Architectures").cloned().unwrap_or_else(|| json!(["x86_64"])),
            );
            self.0.update_function_code(ctx, input(&self.0, "UpdateFunctionCode", asked)?).await?;
            self.settled(ctx, name).await?;
        }
        let mut asked = Map::new();
        for (property, default) in defaults() {
            match (before.get(property), after.get(property)) {
                (old, Some(new)) if old != Some(new) => drop(asked.insert(property.into(), new.clone())),
                (Some(_), None) if !default.is_null() => drop(asked.insert(property.into(), default)),
                _ => {}
            }
        }
        if changed("Role") {
            asked.insert("Role".into(), required(after, "Role")?.into());
        }
        if !asked.is_empty() {
            asked.insert("FunctionName".into(), name.into());
            let asked = input(&self.0, "UpdateFunctionConfiguration", renamed(asked))?;
            self.0.update_function_configuration(ctx, asked).await?;
            self.settled(ctx, name).await?;
        }
        self.set_beside(ctx, name, before, after).await?;
        let made = self.describe(ctx, name).await?;
        let arn = made.attributes.get("Arn").and_then(Value::as_str).unwrap_or_default();
        self.set_tags(ctx, arn, (&tags(before), tags(after))).await?;
        Ok(made)
    }

    async fn set_tags(
        &self,
        ctx: &Context,
        arn: &str,
        (old, new): (&BTreeMap<String, String>, BTreeMap<String, String>),
    ) -> Result<(), ApiError> {
        let gone: Vec<String> = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
        if !gone.is_empty() {
            let input = UntagResourceRequest { resource: arn.to_owned(), tag_keys: gone };
            self.0.untag_resource(ctx, input).await?;
        }
        if !new.is_empty() && new != *old {
            self.0.tag_resource(ctx, TagResourceRequest { resource: arn.to_owned(), tags: new }).await?;
        }
        Ok(())
    }
}

impl ResourceHandler for FunctionHandler {
    fn type_name(&self) -> &'static str {
        "AWS::Lambda::Function"
    }
    fn properties(&self) -> &'static [&'static str] {
        &[
            "Architectures",
            "Code",
            "DeadLetterConfig",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FileSystemConfigs",
            "FunctionName",
            "Handler",
            "ImageConfig",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "RuntimeManagementConfig",
            "SnapStart",
            "Tags",
            "Timeout",
            "TracingConfig",
            "VpcConfig",
        ]
    }
    fn replacing(&self) -> &'static [&'static str] {
        &["FunctionName", "PackageType"]
    }

    fn create<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.make(ctx, origin, properties))
    }

    fn find<'a>(
        &'a self,
        ctx: &'a Context,
        origin: &'a Origin,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            let name = text(properties, "FunctionName").unwrap_or_else(|| generated_name(origin, 64));
            self.read(ctx, &name).await
        })
    }

    fn update<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        before: &'a Value,
        after: &'a Value,
    ) -> BoxFuture<'a, Result<Resource, ApiError>> {
        Box::pin(self.change(ctx, id, before, after))
    }

    fn delete<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let input = DeleteFunctionRequest { function_name: id.to_owned(), qualifier: None };
            gone_is_fine(self.0.delete_function(ctx, input).await)
        })
    }

    fn read<'a>(
        &'a self,
        ctx: &'a Context,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, ApiError>> {
        Box::pin(async move {
            match self.describe(ctx, id).await {
                Ok(found) => Ok(Some(found)),
                Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}
