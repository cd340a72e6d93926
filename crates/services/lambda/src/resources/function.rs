//! `AWS::Lambda::Function`. `Ref` is the name; `GetAtt` knows `Arn`.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use moln_kernel::{
    ApiError, Context,
    resources::{Origin, Resource, ResourceType, as_expected},
};
use moln_wire::{WriteShape as _, json::JsonWriter};
use serde_json::{Map, Value, json};

use super::{
    inline,
    properties::{input, members, required, retagged, some, tag_list, tags, text, unless_gone},
};
use crate::{
    Lambda, errors,
    model::{
        DeleteFunctionConcurrencyRequest, DeleteFunctionRequest, FunctionConfiguration,
        GetFunctionConcurrencyRequest, GetFunctionConfigurationRequest, Lambda as _, ListTagsRequest,
        TagResourceRequest, UntagResourceRequest,
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
        Ok(Resource::new(name).with("Arn", now.function_arn))
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
                self.0.put_function_concurrency(ctx, input(&self.0, asked)?).await?;
            } else {
                let asked = DeleteFunctionConcurrencyRequest { function_name: name.to_owned() };
                self.0.delete_function_concurrency(ctx, asked).await?;
            }
        }
        if changed("RecursiveLoop") {
            let mut asked = named(after, &["RecursiveLoop"]);
            asked.entry("RecursiveLoop").or_insert_with(|| "Terminate".into());
            self.0.put_function_recursion_config(ctx, input(&self.0, asked)?).await?;
        }
        if changed("RuntimeManagementConfig") {
            let config = after.get("RuntimeManagementConfig").cloned();
            let mut asked = config.map(|config| members(&config)).unwrap_or_default();
            asked.entry("UpdateRuntimeOn").or_insert_with(|| "Auto".into());
            asked.insert("FunctionName".into(), name.into());
            self.0.put_runtime_management_config(ctx, input(&self.0, asked)?).await?;
        }
        Ok(())
    }

    async fn make(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        let name = text(properties, "FunctionName").unwrap_or_else(|| origin.name(64));
        let mut asked = renamed(members(properties));
        for beside in ["ReservedConcurrentExecutions", "RecursiveLoop", "RuntimeManagementConfig"] {
            asked.remove(beside);
        }
        asked.insert("FunctionName".into(), name.clone().into());
        asked.insert("Code".into(), code(properties)?.into());
        let tags: Map<String, Value> =
            tags(properties).into_iter().map(|(key, value)| (key, value.into())).collect();
        asked.insert("Tags".into(), tags.into());
        self.0.create_function(ctx, input(&self.0, asked)?).await?;
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
                unless_gone(self.0.delete_function(ctx, input).await)?;
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
            self.0.update_function_code(ctx, input(&self.0, asked)?).await?;
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
            let asked = input(&self.0, renamed(asked))?;
            self.0.update_function_configuration(ctx, asked).await?;
            self.settled(ctx, name).await?;
        }
        self.set_beside(ctx, name, before, after).await?;
        let made = self.describe(ctx, name).await?;
        let arn = made.attributes.get("Arn").and_then(Value::as_str).unwrap_or_default();
        let (gone, new) = retagged(before, after);
        if !gone.is_empty() {
            let input = UntagResourceRequest { resource: arn.to_owned(), tag_keys: gone };
            self.0.untag_resource(ctx, input).await?;
        }
        if !new.is_empty() {
            self.0.tag_resource(ctx, TagResourceRequest { resource: arn.to_owned(), tags: new }).await?;
        }
        Ok(made)
    }

    /// The properties that the function has now. Of its code there is nothing to compare a template with.
    async fn told(&self, ctx: &Context, name: &str, expected: &Value) -> Result<Value, ApiError> {
        let input = GetFunctionConfigurationRequest { function_name: name.to_owned(), qualifier: None };
        let now = self.0.get_function_configuration(ctx, input).await?;
        let arn = now.function_arn.clone().unwrap_or_default();
        let mut bytes = Vec::new();
        now.write(&mut JsonWriter::new(&mut bytes));
        let mut now: Map<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
        if let Some(key) = now.remove("KMSKeyArn") {
            now.insert("KmsKeyArn".into(), key);
        }
        if let Some(Value::Array(layers)) = now.get_mut("Layers") {
            for layer in layers {
                *layer = layer.get_mut("Arn").map(Value::take).unwrap_or_default();
            }
        }
        let input = GetFunctionConcurrencyRequest { function_name: name.to_owned() };
        let reserved = self.0.get_function_concurrency(ctx, input).await?.reserved_concurrent_executions;
        now.insert("ReservedConcurrentExecutions".into(), reserved.into());
        let tags = self.0.list_tags(ctx, ListTagsRequest { resource: arn }).await?.tags.unwrap_or_default();
        now.insert("Tags".into(), tag_list(&tags));
        let mut live = Map::new();
        for (property, wanted) in expected.as_object().into_iter().flatten() {
            let told = match property.as_str() {
                "Code"
                | "FileSystemConfigs"
                | "ImageConfig"
                | "RecursiveLoop"
                | "RuntimeManagementConfig" => {
                    continue;
                }
                // Every variable counts, also one that the template does not say.
                "Environment" => {
                    let all = now.get("Environment").and_then(|all| all.get("Variables"));
                    json!({ "Variables": all })
                }
                _ => as_expected(wanted, now.remove(property).unwrap_or_default()),
            };
            live.insert(property.clone(), told);
        }
        Ok(live.into())
    }
}

impl ResourceType for FunctionHandler {
    const NAME: &'static str = "AWS::Lambda::Function";
    const PROPERTIES: &'static [&'static str] = &[
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
    ];
    const REPLACING: &'static [&'static str] = &["FunctionName", "PackageType"];

    async fn create(&self, ctx: &Context, origin: &Origin, properties: &Value) -> Result<Resource, ApiError> {
        self.make(ctx, origin, properties).await
    }

    async fn find(
        &self,
        ctx: &Context,
        origin: &Origin,
        properties: &Value,
    ) -> Result<Option<Resource>, ApiError> {
        let name = text(properties, "FunctionName").unwrap_or_else(|| origin.name(64));
        self.read(ctx, &name).await
    }

    async fn update(
        &self,
        ctx: &Context,
        id: &str,
        before: &Value,
        after: &Value,
    ) -> Result<Resource, ApiError> {
        self.change(ctx, id, before, after).await
    }

    async fn delete(&self, ctx: &Context, id: &str, _: &Value) -> Result<(), ApiError> {
        let input = DeleteFunctionRequest { function_name: id.to_owned(), qualifier: None };
        unless_gone(self.0.delete_function(ctx, input).await).map(drop)
    }

    async fn live(&self, ctx: &Context, id: &str, expected: &Value) -> Result<Option<Value>, ApiError> {
        self.told(ctx, id, expected).await.map(Some)
    }

    async fn read(&self, ctx: &Context, id: &str) -> Result<Option<Resource>, ApiError> {
        unless_gone(self.describe(ctx, id).await)
    }
}
