//! What stands behind a function: its version and alias, its URL, what becomes of asynchronous events.

use serde_json::{Map, Value, json};

use super::function::Target;
use super::hash;
use super::policies::{self, Role};
use super::resource::{Made, attribute, is_intrinsic, is_set, kept, no_value, passed_on, reference};
use super::work::Work;

/// The version that a function's code and settings come to, and the alias that points at it.
pub(super) fn make(
    work: &Work<'_>,
    function: &mut Made,
    properties: &Map<String, Value>,
    attributes: &Map<String, Value>,
) -> Result<(Made, Made), String> {
    let alias = work.resolved(properties.get("AutoPublishAlias").unwrap_or(&Value::Null));
    let Some(alias) = alias.as_str() else {
        return Err("'AutoPublishAlias' must be a string or a Ref to a template parameter".into());
    };
    let good = alias.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !good || alias.is_empty() || alias.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!(
            "AutoPublishAlias name ('{alias}') must contain only alphanumeric characters, hyphens, or underscores \
             matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern."
        ));
    }
    let code = work.resolved(function.properties.get("Code").unwrap_or(&Value::Null));
    function.set("Code", code.clone());
    let mut given = None;
    if let Some(sha) = properties.get("AutoPublishCodeSha256") {
        let sha = work.resolved(sha).as_str().ok_or("AutoPublishCodeSha256 must be a string")?.to_owned();
        let description = match properties.get("Description").map(|description| work.resolved(description)) {
            None => sha.clone().into(),
            Some(Value::String(text)) => format!("{text} {sha}").into(),
            Some(other) => json!({ "Fn::Join": [" ", [other, sha]] }),
        };
        function.set("Description", description);
        given = Some(sha);
    }
    let logical = match given {
        Some(sha) => format!("{}Version{}", function.logical, sha.chars().take(10).collect::<String>()),
        None => {
            hash::logical(&format!("{}Version", function.logical), &hashed(work, function, properties, code))
        }
    };
    let mut version = Made::new(logical, "AWS::Lambda::Version", attributes);
    let policy = properties.get("VersionDeletionPolicy").cloned().unwrap_or_else(|| "Retain".into());
    version.attributes.entry("DeletionPolicy").or_insert(policy);
    version.set("FunctionName", reference(&function.logical));
    version.set("Description", properties.get("VersionDescription").cloned().unwrap_or_default());
    let plain = alias.replace('-', "D").replace('_', "U");
    let mut made = Made::new(format!("{}Alias{plain}", function.logical), "AWS::Lambda::Alias", attributes);
    made.set("Name", alias).set("FunctionName", reference(&function.logical));
    made.set("FunctionVersion", attribute(&version.logical, "Version"));
    made.copy(properties, &["ProvisionedConcurrencyConfig"]);
    Ok((version, made))
}

/// What a version's logical id is the hash of: a change of it makes a new version.
fn hashed(work: &Work<'_>, function: &Made, properties: &Map<String, Value>, code: Value) -> Value {
    let mut of = Map::new();
    if is_set(properties.get("AutoPublishAliasAllProperties")) {
        of.clone_from(&function.properties);
        for layer in properties.get("Layers").and_then(Value::as_array).into_iter().flatten() {
            let Some(id) = layer.get("Ref").and_then(Value::as_str) else { continue };
            let layer = work.resources.get(id).and_then(|layer| layer.get("Properties"));
            if let Some(layer) = layer.filter(|layer| is_set(layer.get("PublishLambdaVersion"))) {
                of.insert(id.to_owned(), layer.clone());
            }
        }
        return of.into();
    }
    if let Value::Object(code) = code {
        of.extend(code);
    }
    if let Some(environment) = properties.get("Environment").and_then(Value::as_object) {
        of.extend(environment.clone());
    }
    if let Some(memory) = properties.get("MemorySize").filter(|memory| is_set(Some(*memory))) {
        of.insert("MemorySize".into(), memory.clone());
    }
    let snap_start = properties
        .get("SnapStart")
        .filter(|start| is_set(Some(*start)) && start.get("ApplyOn").is_some_and(|on| on != "None"));
    if let Some(snap_start) = snap_start {
        of.insert("SnapStart".into(), snap_start.clone());
    }
    of.into()
}

/// A function's URL, and the permissions of a public one.
pub(super) fn url(target: &Target, config: &Value) -> Result<Vec<Made>, String> {
    let kind = config.get("AuthType");
    let is_open = kind.is_some_and(|kind| kind == "NONE");
    if !is_open && !kind.is_some_and(|kind| kind == "AWS_IAM" || is_intrinsic(kind)) && !is_intrinsic(config)
    {
        return Err(
            "AuthType is required to configure function property `FunctionUrlConfig`. Please provide either \
                    AWS_IAM or NONE."
                .into(),
        );
    }
    if let Some(cors) =
        config.get("Cors").and_then(Value::as_object).filter(|cors| !is_intrinsic(&json!(cors)))
    {
        let known =
            ["AllowOrigins", "AllowMethods", "AllowCredentials", "AllowHeaders", "ExposeHeaders", "MaxAge"];
        if let Some(stray) = cors.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("{stray} is not a valid property for configuring Cors."));
        }
    }
    let id = &target.function;
    let mut url = Made::new(format!("{id}Url"), "AWS::Lambda::Url", &target.attributes);
    let empty = Map::new();
    url.copy(config.as_object().unwrap_or(&empty), &["Cors", "AuthType", "InvokeMode"]);
    url.set("TargetFunctionArn", target.name());
    let mut made = vec![url];
    if is_open {
        for (suffix, action, member, value) in [
            ("UrlPublicPermissions", "lambda:InvokeFunctionUrl", "FunctionUrlAuthType", json!("NONE")),
            ("URLInvokeAllowPublicAccess", "lambda:InvokeFunction", "InvokedViaFunctionUrl", json!(true)),
        ] {
            let mut permission =
                Made::new(format!("{id}{suffix}"), "AWS::Lambda::Permission", &target.attributes);
            permission
                .set("Action", action)
                .set("FunctionName", target.name())
                .set("Principal", "*")
                .set(member, value);
            made.push(permission);
        }
    }
    Ok(made)
}

/// What becomes of asynchronous events: the configuration, queues and topics that are made for it, policies.
pub(super) fn event_invoke_config(
    work: &mut Work<'_>,
    target: &Target,
    config: &Value,
    resource: &Value,
    role: &mut Role,
) -> Result<Vec<Made>, String> {
    let config = work.resolved(config);
    let logical = format!("{}EventInvokeConfig", target.function);
    let mut made = Made::new(&logical, "AWS::Lambda::EventInvokeConfig", &kept(resource));
    made.depends_on = target.alias.as_ref().map(|alias| json!([alias]));
    let mut all = Vec::new();
    let mut destinations = Map::new();
    for name in ["OnSuccess", "OnFailure"] {
        let Some(destination) =
            config.pointer(&format!("/DestinationConfig/{name}")).filter(|d| !d.is_null())
        else {
            continue;
        };
        let id = format!("{logical}{name}");
        let (queue, arn) = self::destination(work, destination, &id, &logical, resource)?;
        let kind = destination.get("Type").and_then(Value::as_str).unwrap_or_default();
        role.policies.push(destination_policy(kind, &id, &arn));
        all.extend(queue);
        destinations.insert(name.into(), json!({ "Destination": arn }));
    }
    let alias = resource.pointer("/Properties/AutoPublishAlias").filter(|_| target.alias.is_some());
    made.set("FunctionName", reference(&target.function));
    made.set("Qualifier", alias.map_or_else(|| "$LATEST".into(), |alias| work.resolved(alias)));
    made.set("DestinationConfig", destinations);
    let empty = Map::new();
    made.copy(config.as_object().unwrap_or(&empty), &["MaximumEventAgeInSeconds", "MaximumRetryAttempts"]);
    all.push(made);
    Ok(all)
}

/// Where events go: what was given, or a queue or topic that is made.
fn destination(
    work: &mut Work<'_>,
    destination: &Value,
    id: &str,
    logical: &str,
    resource: &Value,
) -> Result<(Option<Made>, Value), String> {
    let kind = destination.get("Type").and_then(Value::as_str);
    let types = ["SQS", "SNS", "EventBridge", "Lambda", "S3Bucket"];
    let Some(kind) = kind.filter(|kind| types.contains(kind)) else {
        let kind = kind.unwrap_or("None");
        return Err(format!("'Type: {kind}' must be one of ['{}']", types.join("', '")));
    };
    let given = destination.get("Destination").filter(|given| !given.is_null());
    // `Fn::If` with nothing in one branch: there, a queue or topic is made.
    let branches = given.and_then(|given| given.get("Fn::If")).and_then(Value::as_array).map(Vec::as_slice);
    let condition = match branches {
        Some([name, then, otherwise]) if *then == no_value() && *otherwise != no_value() => {
            Some((name.as_str().unwrap_or_default().to_owned(), otherwise.clone()))
        }
        Some([name, then, otherwise]) if *then != no_value() && *otherwise == no_value() => {
            let name = name.as_str().unwrap_or_default();
            let negated = hash::logical(&format!("NOT{name}"), &logical.into());
            work.conditions.insert(negated.clone(), json!({ "Fn::Not": [{ "Condition": name }] }));
            Some((negated, then.clone()))
        }
        _ => None,
    };
    if let (Some(given), None) = (given, &condition) {
        return Ok((None, given.clone()));
    }
    let attributes = passed_on(resource);
    let mut made = match kind {
        "SQS" => Made::new(format!("{id}Queue"), "AWS::SQS::Queue", &attributes),
        "SNS" => Made::new(format!("{id}Topic"), "AWS::SNS::Topic", &attributes),
        _ => return Err("Destination is required if Type is not ['SQS', 'SNS']".into()),
    };
    let arn = if kind == "SQS" { attribute(&made.logical, "Arn") } else { reference(&made.logical) };
    let Some((condition, other)) = condition else { return Ok((Some(made), arn)) };
    let combined = match attributes.get("Condition").and_then(Value::as_str) {
        None => condition.clone(),
        Some(own) => {
            let function = logical.strip_suffix("EventInvokeConfig").unwrap_or(logical);
            let both = hash::logical(&format!("{own}AND{condition}"), &function.into());
            let operands = json!([{ "Condition": own }, { "Condition": condition }]);
            work.conditions.insert(both.clone(), json!({ "Fn::And": operands }));
            both
        }
    };
    made.attributes.insert("Condition".into(), combined.into());
    Ok((Some(made), json!({ "Fn::If": [condition, arn, other] })))
}

fn destination_policy(kind: &str, id: &str, arn: &Value) -> Value {
    match kind {
        "SQS" => policies::policy(&format!("{id}SQSPolicy"), "sqs:SendMessage", arn),
        "SNS" => policies::policy(&format!("{id}SNSPolicy"), "sns:publish", arn),
        "EventBridge" => policies::policy(&format!("{id}EventBridgePolicy"), "events:PutEvents", arn),
        "Lambda" => policies::policy(&format!("{id}LambdaPolicy"), "lambda:InvokeFunction", arn),
        _ => s3_policy(id, arn),
    }
}

/// The policy that lets a function write what failed into a bucket.
pub(super) fn s3_policy(id: &str, arn: &Value) -> Value {
    let inside = json!({ "Fn::Join": ["/", [arn, "*"]] });
    json!({
        "PolicyName": format!("{id}S3Policy"),
        "PolicyDocument": { "Statement": [
            { "Action": "s3:PutObject", "Effect": "Allow", "Resource": inside },
            { "Action": "s3:ListBucket", "Effect": "Allow", "Resource": arn },
        ] },
    })
}
