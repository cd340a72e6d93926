//! `AWS::Serverless::Function`: the function, its role, and what belongs to it. Its events are in other rooms.

use serde_json::{Map, Value, json};

use super::policies::{self, Role};
use super::resource::{
    Made, attribute, is_intrinsic, is_set, kept, lambda_code, passed_on, reference, sam_tags,
};
use super::work::Work;
use super::{api_events, publish, pull, push};

/// What goes to the function as it is.
const PLAIN: [&str; 21] = [
    "FunctionName",
    "Handler",
    "Runtime",
    "Description",
    "MemorySize",
    "Timeout",
    "VpcConfig",
    "Role",
    "Environment",
    "KmsKeyArn",
    "ReservedConcurrentExecutions",
    "Layers",
    "FileSystemConfigs",
    "ImageConfig",
    "PackageType",
    "Architectures",
    "SnapStart",
    "EphemeralStorage",
    "CodeSigningConfigArn",
    "RuntimeManagementConfig",
    "LoggingConfig",
];
/// More of them.
const PLAIN_TOO: [&str; 3] = ["TenancyConfig", "RecursiveLoop", "DurableConfig"];
/// What is made of.
const OTHER: [&str; 19] = [
    "CodeUri",
    "ImageUri",
    "InlineCode",
    "DeadLetterQueue",
    "AssumeRolePolicyDocument",
    "Policies",
    "RolePath",
    "PermissionsBoundary",
    "Events",
    "Tags",
    "PropagateTags",
    "Tracing",
    "EventInvokeConfig",
    "AutoPublishAlias",
    "AutoPublishCodeSha256",
    "AutoPublishAliasAllProperties",
    "VersionDescription",
    "ProvisionedConcurrencyConfig",
    "FunctionUrlConfig",
];
/// And the rest of what there is.
const OTHER_TOO: [&str; 2] = ["SourceKMSKeyArn", "VersionDeletionPolicy"];
/// What SAM has and this transform has not.
const WITHOUT: [&str; 4] =
    ["DeploymentPreference", "CapacityProviderConfig", "FunctionScalingConfig", "PublishToLatestPublished"];

/// What events of a function point at: the function, or its alias.
pub(super) struct Target {
    /// The function's logical id.
    pub(super) function: String,
    /// The alias's logical id.
    pub(super) alias: Option<String>,
    /// Attributes for everything that is made.
    pub(super) attributes: Map<String, Value>,
}

impl Target {
    /// Its name, or the alias's ARN: what permissions and mappings take.
    pub(super) fn name(&self) -> Value {
        reference(self.alias.as_ref().unwrap_or(&self.function))
    }

    /// Its ARN.
    pub(super) fn arn(&self) -> Value {
        match &self.alias {
            Some(alias) => reference(alias),
            None => attribute(&self.function, "Arn"),
        }
    }

    /// Its ARN inside a text of `Fn::Sub`.
    pub(super) fn arn_text(&self) -> String {
        match &self.alias {
            Some(alias) => format!("${{{alias}}}"),
            None => format!("${{{}.Arn}}", self.function),
        }
    }

    /// The condition of all this.
    pub(super) fn condition(&self) -> Option<&Value> {
        self.attributes.get("Condition")
    }
}

/// Makes what a function stands for.
pub(super) fn make(work: &mut Work<'_>, logical: &str, resource: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let properties = resource.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    let known = [PLAIN.as_slice(), &PLAIN_TOO, &OTHER, &OTHER_TOO].concat();
    super::work::judge_members(properties, "AWS::Serverless::Function", &known, &WITHOUT)?;
    let attributes = passed_on(resource);
    let mut made = Vec::new();
    let mut function = construct(work, logical, resource, properties)?;
    let mut alias = None;
    if is_set(properties.get("AutoPublishAlias")) {
        let (version, published) = publish::make(work, &mut function, properties, &attributes)?;
        alias = Some(published.logical.clone());
        made.extend([version, published]);
    } else if is_set(properties.get("ProvisionedConcurrencyConfig")) {
        return Err(
            "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function".into()
        );
    }
    let target = Target { function: logical.to_owned(), alias, attributes };
    if let Some(url) = properties.get("FunctionUrlConfig") {
        made.extend(publish::url(&target, url)?);
    }
    let mut role = role(work, logical, properties, &target.attributes);
    if let Some(config) = properties.get("EventInvokeConfig") {
        made.extend(publish::event_invoke_config(work, &target, config, resource, &mut role)?);
    }
    let own_role = place_role(work, &mut function, &mut role)?;
    let mut events: Vec<(&String, &Value)> =
        properties.get("Events").and_then(Value::as_object).into_iter().flatten().collect();
    events.sort_by_key(|(id, event)| {
        event.pointer("/Properties/Path").and_then(Value::as_str).unwrap_or(id).to_owned()
    });
    for (id, event) in events {
        let invalid = |text: String| format!("Event with id [{id}] is invalid. {text}");
        made.extend(self::event(work, &target, &mut role, id, event).map_err(invalid)?);
    }
    if own_role {
        made.insert(0, role.finish());
    }
    made.insert(0, function);
    work.propagate_tags(&mut made, properties.get("Tags"), properties.get("PropagateTags"));
    Ok(made)
}

fn construct(
    work: &Work<'_>,
    logical: &str,
    resource: &Value,
    properties: &Map<String, Value>,
) -> Result<Made, String> {
    let mut function = Made::new(logical, "AWS::Lambda::Function", &kept(resource));
    function.depends_on = resource.get("DependsOn").cloned();
    function.copy(properties, &PLAIN).copy(properties, &PLAIN_TOO);
    function.set("Tags", sam_tags(properties.get("Tags")));
    let is_image = properties.get("PackageType").and_then(Value::as_str) == Some("Image");
    let mut code = if is_image {
        let image = properties.get("ImageUri").ok_or("'ImageUri' must be set.")?;
        if ["Handler", "Runtime", "Layers"].iter().any(|name| is_set(properties.get(*name))) {
            return Err(
                "Runtime, Handler, Layers cannot be present when PackageType is of type `Image`".into()
            );
        }
        json!({ "ImageUri": image })
    } else if let Some(code) = properties.get("InlineCode") {
        json!({ "ZipFile": code })
    } else if properties.contains_key("CodeUri") {
        lambda_code(properties.get("CodeUri"), "CodeUri")?
    } else {
        return Err("Only one of 'InlineCode' or 'CodeUri' can be set.".into());
    };
    let lacks = |name: &str| !is_set(properties.get(name));
    if !is_image && (lacks("Runtime") || lacks("Handler")) {
        return Err("Runtime and Handler needs to be present when PackageType is of type `Zip`".into());
    }
    if let (Some(key), Some(code)) =
        (properties.get("SourceKMSKeyArn").filter(|_| !is_image), code.as_object_mut())
    {
        code.insert("SourceKMSKeyArn".into(), key.clone());
    }
    function.set("Code", code);
    if traces(work, properties) {
        function.set("TracingConfig", json!({ "Mode": properties.get("Tracing") }));
    }
    if let Some(queue) = properties.get("DeadLetterQueue") {
        let (kind, target) = (queue.get("Type").and_then(Value::as_str), queue.get("TargetArn"));
        let (Some(kind), Some(target)) = (kind, target) else {
            return Err("'DeadLetterQueue' requires Type and TargetArn properties to be specified.".into());
        };
        if !["SQS", "SNS"].contains(&kind) {
            return Err("'DeadLetterQueue' requires Type of ['SQS', 'SNS']".into());
        }
        function.set("DeadLetterConfig", json!({ "TargetArn": target }));
    }
    Ok(function)
}

fn traces(work: &Work<'_>, properties: &Map<String, Value>) -> bool {
    let tracing = properties.get("Tracing");
    is_set(tracing) && tracing.is_some_and(|tracing| work.resolved(tracing) != "Disabled")
}

fn role(
    work: &Work<'_>,
    logical: &str,
    properties: &Map<String, Value>,
    attributes: &Map<String, Value>,
) -> Role {
    let mut made = Made::new(format!("{logical}Role"), "AWS::IAM::Role", attributes);
    let trust = properties.get("AssumeRolePolicyDocument").cloned();
    made.set("AssumeRolePolicyDocument", trust.unwrap_or_else(|| policies::trust("lambda.amazonaws.com")));
    made.set("Path", properties.get("RolePath").cloned().unwrap_or_default());
    made.set("PermissionsBoundary", properties.get("PermissionsBoundary").cloned().unwrap_or_default());
    made.set("Tags", sam_tags(properties.get("Tags")));
    let mut role = Role { made, managed: Vec::new(), policies: Vec::new() };
    let managed = |name: &str| Value::from(format!("arn:{}:iam::aws:policy/{name}", work.partition));
    let is_durable = is_set(properties.get("DurableConfig"));
    let basic =
        if is_durable { "AWSLambdaBasicDurableExecutionRolePolicy" } else { "AWSLambdaBasicExecutionRole" };
    role.add_managed(managed(&format!("service-role/{basic}")));
    if traces(work, properties) {
        role.add_managed(managed("AWSXrayWriteOnlyAccess"));
    }
    if is_set(properties.get("VpcConfig")) {
        role.add_managed(managed("service-role/AWSLambdaVPCAccessExecutionRole"));
    }
    if let Some(queue) = properties.get("DeadLetterQueue") {
        let is_queue = queue.get("Type").and_then(Value::as_str) == Some("SQS");
        let action = if is_queue { "sqs:SendMessage" } else { "sns:Publish" };
        let statement = json!({ "Action": action, "Resource": queue.get("TargetArn"), "Effect": "Allow" });
        role.policies.push(json!({
            "PolicyName": "DeadLetterQueuePolicy",
            "PolicyDocument": { "Version": "2012-10-17", "Statement": [statement] },
        }));
    }
    // Policies of destinations stand before those of the function: they are added by the caller, and these behind them.
    role
}

/// Adds the function's own policies, and says whether the function uses the role that was made.
fn place_role(work: &mut Work<'_>, function: &mut Made, role: &mut Role) -> Result<bool, String> {
    let policies =
        work.resources.get(&function.logical).and_then(|resource| resource.pointer("/Properties/Policies"));
    policies::add(role, policies.cloned().as_ref(), &work.partition)?;
    let arn = attribute(&role.made.logical, "Arn");
    let Some(given) = function.properties.get("Role").cloned() else {
        function.set("Role", arn);
        return Ok(true);
    };
    if given.get("Fn::If").is_none() {
        return Ok(false);
    }
    let given = work.resolved(&given);
    let Some([condition, then, otherwise]) = given.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice)
    else {
        return Err("Malformed 'Role' property: 'Fn::If' requires 3 arguments.".into());
    };
    let is_none = |value: &Value| *value == super::resource::no_value();
    let name = condition.as_str().unwrap_or_default();
    match (is_none(then), is_none(otherwise)) {
        (true, true) => function.set("Role", arn),
        (true, false) => {
            role.made.attributes.insert("Condition".into(), condition.clone());
            function.set("Role", json!({ "Fn::If": [condition, arn, otherwise] }))
        }
        (false, true) => {
            role.made.attributes.insert("Condition".into(), format!("NOT{name}").into());
            work.conditions.insert(format!("NOT{name}"), json!({ "Fn::Not": [{ "Condition": name }] }));
            function.set("Role", json!({ "Fn::If": [condition, then, arn] }))
        }
        (false, false) => return Ok(false),
    };
    Ok(true)
}

fn event(
    work: &mut Work<'_>,
    target: &Target,
    role: &mut Role,
    id: &str,
    event: &Value,
) -> Result<Vec<Made>, String> {
    let kind = event.get("Type").and_then(Value::as_str).unwrap_or_default();
    let empty = Map::new();
    let properties = event.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    if is_intrinsic(&Value::Object(properties.clone())) {
        return Err("the Properties of an event must be written out".into());
    }
    let logical = format!("{}{id}", target.function);
    match kind {
        "SQS" | "Kinesis" | "DynamoDB" => {
            let mapping = pull::make(work, target, role, &logical, kind, properties)?;
            Ok(vec![mapping])
        }
        "SNS" => push::sns(work, target, role, &logical, properties),
        "S3" => push::s3(work, target, &logical, properties),
        "CloudWatchLogs" => push::logs(work, target, &logical, properties),
        "Schedule" | "CloudWatchEvent" | "EventBridgeRule" => push::rule(target, &logical, kind, properties),
        "ScheduleV2" => push::schedule(&target.arn(), false, &target.attributes, &logical, properties),
        "Api" => api_events::rest(work, target, &logical, properties),
        "HttpApi" => api_events::http(work, target, &logical, properties),
        "" => Err("the event has no Type".into()),
        other => Err(format!(
            "events of type '{other}' are not built: there are Api, HttpApi, SQS, SNS, S3, DynamoDB, Kinesis, Schedule, \
             ScheduleV2, EventBridgeRule, CloudWatchEvent and CloudWatchLogs"
        )),
    }
}
