//! The section `Globals`: what all resources of a type have in common.

use serde_json::{Map, Value};

use super::resource::is_intrinsic;

/// What each type takes from the globals.
const SUPPORTED: [(&str, &[&str]); 6] = [
    (
        "Function",
        &[
            "Handler",
            "Runtime",
            "CodeUri",
            "DeadLetterQueue",
            "Description",
            "MemorySize",
            "Timeout",
            "VpcConfig",
            "Environment",
            "Tags",
            "PropagateTags",
            "Tracing",
            "KmsKeyArn",
            "AutoPublishAlias",
            "AutoPublishAliasAllProperties",
            "Layers",
            "DeploymentPreference",
            "RolePath",
            "PermissionsBoundary",
            "ReservedConcurrentExecutions",
            "ProvisionedConcurrencyConfig",
            "AssumeRolePolicyDocument",
            "EventInvokeConfig",
            "FileSystemConfigs",
            "CodeSigningConfigArn",
            "Architectures",
            "SnapStart",
            "EphemeralStorage",
            "FunctionUrlConfig",
            "RuntimeManagementConfig",
            "LoggingConfig",
            "RecursiveLoop",
            "SourceKMSKeyArn",
            "TenancyConfig",
            "DurableConfig",
            "CapacityProviderConfig",
            "FunctionScalingConfig",
            "PublishToLatestPublished",
            "VersionDeletionPolicy",
        ],
    ),
    (
        "Api",
        &[
            "Auth",
            "Name",
            "DefinitionUri",
            "CacheClusterEnabled",
            "CacheClusterSize",
            "MergeDefinitions",
            "Variables",
            "EndpointConfiguration",
            "MethodSettings",
            "BinaryMediaTypes",
            "MinimumCompressionSize",
            "Cors",
            "GatewayResponses",
            "AccessLogSetting",
            "CanarySetting",
            "TracingEnabled",
            "OpenApiVersion",
            "Domain",
            "AlwaysDeploy",
            "PropagateTags",
            "SecurityPolicy",
            "EndpointAccessMode",
        ],
    ),
    (
        "HttpApi",
        &[
            "Auth",
            "AccessLogSettings",
            "StageVariables",
            "Tags",
            "CorsConfiguration",
            "DefaultRouteSettings",
            "Domain",
            "RouteSettings",
            "FailOnWarnings",
            "PropagateTags",
        ],
    ),
    ("SimpleTable", &["SSESpecification"]),
    ("StateMachine", &["PropagateTags"]),
    ("LayerVersion", &["PublishLambdaVersion"]),
];

/// Takes the section out of a template and merges it into its resources.
pub(super) fn merge(template: &mut Map<String, Value>) -> Result<(), String> {
    let Some(globals) = template.remove("Globals") else { return Ok(()) };
    let invalid = |text: String| format!("'Globals' section is invalid. {text}");
    let Value::Object(globals) = globals else {
        return Err(invalid("It must be a non-empty dictionary".into()));
    };
    for (section, properties) in &globals {
        let Some((_, supported)) = SUPPORTED.iter().find(|(name, _)| name == section) else {
            let mut names: Vec<&str> = SUPPORTED.iter().map(|(name, _)| *name).collect();
            names.sort_unstable();
            return Err(invalid(format!(
                "'{section}' is not supported. Must be one of the following values - {names:?}"
            )));
        };
        let Some(properties) = properties.as_object() else {
            return Err(invalid(format!("Value of {section} must be a dictionary")));
        };
        if let Some(stray) = properties.keys().find(|key| !supported.contains(&key.as_str())) {
            return Err(invalid(format!("'{stray}' is not a supported property of '{section}'.")));
        }
    }
    let resources = template.get_mut("Resources").and_then(Value::as_object_mut);
    for resource in resources.into_iter().flat_map(|resources| resources.values_mut()) {
        let kind = resource
            .get("Type")
            .and_then(Value::as_str)
            .and_then(|kind| kind.strip_prefix("AWS::Serverless::"));
        let Some(global) = kind.and_then(|kind| globals.get(kind)).and_then(Value::as_object) else {
            continue;
        };
        let global = without_ignored(global, resource.get("IgnoreGlobals"))?;
        let Some(resource) = resource.as_object_mut() else { continue };
        let local = resource.remove("Properties").unwrap_or_else(|| Map::new().into());
        resource.insert("Properties".into(), merged(&Value::Object(global), local, ""));
    }
    Ok(())
}

fn without_ignored(
    global: &Map<String, Value>,
    ignored: Option<&Value>,
) -> Result<Map<String, Value>, String> {
    match ignored {
        None => Ok(global.clone()),
        Some(Value::String(all)) if all == "*" => Ok(Map::new()),
        Some(Value::Array(names)) => {
            let mut left = global.clone();
            for name in names {
                let name = name.as_str().unwrap_or_default();
                if left.remove(name).is_none() {
                    return Err(format!(
                        "Value of 'IgnoreGlobals' is invalid: '{name}' is not in the Globals section."
                    ));
                }
            }
            Ok(left)
        }
        Some(_) => Err("'IgnoreGlobals' must be '*' or a list of property names.".into()),
    }
}

/// Mappings are merged, lists joined, anything else is the resource's own if it has one.
fn merged(global: &Value, local: Value, path: &str) -> Value {
    match (global, local) {
        (Value::Object(global_members), Value::Object(members))
            if !is_intrinsic(global) && !is_intrinsic(&Value::Object(members.clone())) =>
        {
            let mut out = global_members.clone();
            for (key, value) in members {
                let value = match global_members.get(&key) {
                    Some(global) => merged(global, value, &key),
                    None => value,
                };
                out.insert(key, value);
            }
            Value::Object(out)
        }
        (Value::Array(global), Value::Array(items)) if path != "Architectures" => {
            global.iter().cloned().chain(items).collect()
        }
        (_, local) => local,
    }
}
