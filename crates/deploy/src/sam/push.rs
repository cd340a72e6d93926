//! Events that come to a function: notifications of buckets and topics, rules and schedules, logs.

use serde_json::{Map, Value, json};

use super::function::Target;
use super::policies::{self, Role};
use super::pull;
use super::resource::{Made, attribute, conditional, is_set, put, reference, tag_list};
use super::work::{Work, judge_members};

/// The permission for a service to call a function.
pub(super) fn permission(target: &Target, id: &str, principal: &str) -> Made {
    let mut permission = Made::new(id, "AWS::Lambda::Permission", &target.attributes);
    permission
        .set("Action", "lambda:InvokeFunction")
        .set("FunctionName", target.name())
        .set("Principal", principal);
    permission
}

fn required<'a>(properties: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    properties.get(name).ok_or_else(|| format!("Missing required property '{name}'."))
}

/// A topic's notifications, straight or through a queue.
pub(super) fn sns(
    work: &mut Work<'_>,
    target: &Target,
    role: &mut Role,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let plain = ["Region", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"];
    judge_members(properties, "SNS", &[plain.as_slice(), &["Topic", "SqsSubscription"]].concat(), &[])?;
    let topic = required(properties, "Topic")?;
    let mut subscription = Made::new(logical, "AWS::SNS::Subscription", &target.attributes);
    subscription.set("TopicArn", topic.clone()).copy(properties, &plain);
    let queue = properties.get("SqsSubscription").filter(|queue| is_set(Some(*queue)));
    let Some(queue) = queue else {
        let mut permission = permission(target, &format!("{logical}Permission"), "sns.amazonaws.com");
        permission.set("SourceArn", topic.clone());
        subscription.set("Protocol", "lambda").set("Endpoint", target.arn());
        return Ok(vec![permission, subscription]);
    };
    let mut made = Vec::new();
    let (arn, url, policy_id) = if let Value::Object(queue) = queue {
        let (Some(arn), Some(url)) = (queue.get("QueueArn"), queue.get("QueueUrl")) else {
            return Err("No QueueARN or QueueURL provided.".into());
        };
        (arn.clone(), url.clone(), queue.get("QueuePolicyLogicalId").and_then(Value::as_str))
    } else {
        let mut queue = Made::new(format!("{logical}Queue"), "AWS::SQS::Queue", &target.attributes);
        let id = topic.get("Ref").and_then(Value::as_str).and_then(|id| work.resources.get(id));
        let is_fifo =
            id.and_then(|topic| topic.pointer("/Properties/FifoTopic")).map(|fifo| work.resolved(fifo));
        if let Some(is_fifo) = is_fifo.filter(|fifo| is_set(Some(fifo))) {
            queue.set("FifoQueue", is_fifo);
        }
        let places = (attribute(&queue.logical, "Arn"), reference(&queue.logical), None);
        made.push(queue);
        places
    };
    let mut policy = Made::new(
        policy_id.map_or_else(|| format!("{logical}QueuePolicy"), str::to_owned),
        "AWS::SQS::QueuePolicy",
        &target.attributes,
    );
    let statement = json!({
        "Action": "sqs:SendMessage", "Effect": "Allow", "Principal": "*", "Resource": arn,
        "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
    });
    policy.set("PolicyDocument", json!({ "Version": "2012-10-17", "Statement": [statement] }));
    policy.set("Queues", json!([url]));
    subscription.set("Protocol", "sqs").set("Endpoint", arn.clone());
    let batch =
        queue.get("BatchSize").filter(|size| is_set(Some(*size))).cloned().unwrap_or_else(|| 10.into());
    let mapping = Map::from_iter([
        ("Queue".to_owned(), arn),
        ("BatchSize".to_owned(), batch),
        ("Enabled".to_owned(), true.into()),
    ]);
    made.push(pull::make(work, target, role, &format!("{logical}EventSourceMapping"), "SQS", &mapping)?);
    made.extend([policy, subscription]);
    Ok(made)
}

/// A bucket's notifications: the bucket, which is in the same template, gets the configuration.
pub(super) fn s3(
    work: &mut Work<'_>,
    target: &Target,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    judge_members(properties, "S3", &["Bucket", "Events", "Filter"], &[])?;
    let bucket_id = required(properties, "Bucket")?.get("Ref").and_then(Value::as_str).unwrap_or_default();
    let events = match required(properties, "Events")? {
        Value::Array(events) => events.clone(),
        event => vec![event.clone()],
    };
    let mut permission = permission(target, &format!("{logical}Permission"), "s3.amazonaws.com");
    permission.set("SourceAccount", reference("AWS::AccountId"));
    let Some(bucket) = work.resources.get_mut(bucket_id).and_then(Value::as_object_mut) else {
        return Err("S3 events must reference an S3 bucket in the same template.".into());
    };
    let own = bucket.entry("Properties").or_insert_with(|| json!({}));
    if let Some(condition) = target.condition() {
        // DependsOn cannot be conditional: a tag that refers to the permission says the same.
        let key = format!("sam:ConditionalDependsOn:{}", permission.logical);
        let value = json!({ "Fn::If": [condition, reference(&permission.logical), "no dependency"] });
        let mut tags = own.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
        tags.extend(tag_list(Some(&json!({ key: value }))));
        own.as_object_mut().ok_or("Properties should be a map.")?.insert("Tags".into(), tags.into());
    }
    let configuration = own
        .as_object_mut()
        .and_then(|own| own.entry("NotificationConfiguration").or_insert_with(|| json!({})).as_object_mut())
        .and_then(|config| config.entry("LambdaConfigurations").or_insert_with(|| json!([])).as_array_mut())
        .ok_or("Invalid type for LambdaConfigurations. Must be a list.")?;
    for event in events {
        let mut mapping = json!({ "Event": event, "Function": target.arn() });
        if let Some(filter) = properties.get("Filter") {
            put(&mut mapping, &["Filter"], filter.clone());
        }
        let mapping = conditional(target.condition(), mapping);
        if !configuration.contains(&mapping) {
            configuration.push(mapping);
        }
    }
    if target.condition().is_none() {
        let mut before = match bucket.remove("DependsOn") {
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let id = Value::from(permission.logical.clone());
        if !before.contains(&id) {
            before.push(id);
        }
        bucket.insert("DependsOn".into(), before.into());
    }
    let bucket = Value::Object(bucket.clone());
    work.out.insert(bucket_id.to_owned(), bucket);
    Ok(vec![permission])
}

/// A log group's events.
pub(super) fn logs(
    work: &Work<'_>,
    target: &Target,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    judge_members(properties, "CloudWatchLogs", &["LogGroupName", "FilterPattern"], &[])?;
    let group = required(properties, "LogGroupName")?;
    let arn = format!(
        "arn:{}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{__LogGroupName__}}:*",
        work.partition
    );
    let mut permission = permission(target, &format!("{logical}Permission"), "logs.amazonaws.com");
    permission.set("SourceArn", json!({ "Fn::Sub": [arn, { "__LogGroupName__": group }] }));
    let mut filter = Made::new(logical, "AWS::Logs::SubscriptionFilter", &target.attributes);
    filter.depends_on = Some(json!([permission.logical]));
    filter
        .set("LogGroupName", group.clone())
        .set("FilterPattern", required(properties, "FilterPattern")?.clone());
    filter.set("DestinationArn", target.arn());
    Ok(vec![permission, filter])
}

/// A rule of `EventBridge` by time or pattern, and what it needs beside it. `role` is that of a state machine.
fn any_rule(
    arn: Value,
    attributes: &Map<String, Value>,
    role: Option<Value>,
    suffix: &str,
    logical: &str,
    kind: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let by_time = kind == "Schedule";
    let known: &[&str] = if by_time {
        &[
            "Schedule",
            "RuleName",
            "Input",
            "Enabled",
            "State",
            "Name",
            "Description",
            "DeadLetterConfig",
            "RetryPolicy",
            "Target",
            "RoleArn",
        ]
    } else {
        &[
            "EventBusName",
            "RuleName",
            "Pattern",
            "DeadLetterConfig",
            "RetryPolicy",
            "Input",
            "InputPath",
            "Target",
            "Enabled",
            "State",
            "InputTransformer",
        ]
    };
    judge_members(properties, kind, known, &[])?;
    let mut rule = Made::new(logical, "AWS::Events::Rule", attributes);
    let get = |name: &str| properties.get(name).cloned().unwrap_or_default();
    if by_time {
        rule.set("ScheduleExpression", required(properties, "Schedule")?.clone());
        rule.set("Name", get("Name")).set("Description", get("Description"));
    } else {
        rule.set("EventBusName", get("EventBusName"))
            .set("EventPattern", get("Pattern"))
            .set("Name", get("RuleName"));
    }
    match (properties.get("State"), properties.get("Enabled")) {
        (Some(_), Some(_)) => return Err("State and Enabled Properties cannot both be specified.".into()),
        (state, Some(enabled)) if state.is_none() => {
            rule.set("State", if is_set(Some(enabled)) { "ENABLED" } else { "DISABLED" })
        }
        (state, _) => rule.set("State", state.cloned().unwrap_or_default()),
    };
    let (queue, made) = dead_letters(properties, logical, attributes, Some(&attribute(logical, "Arn")))?;
    let room = 64_usize.saturating_sub(suffix.len());
    let own_id = format!("{}{suffix}", logical.chars().take(room).collect::<String>());
    let id = properties
        .get("Target")
        .and_then(|target| target.get("Id"))
        .cloned()
        .unwrap_or_else(|| own_id.into());
    let mut aim = Map::from_iter([("Arn".to_owned(), arn), ("Id".to_owned(), id)]);
    for name in ["Input", "InputPath", "RetryPolicy", "InputTransformer"] {
        aim.extend(properties.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    aim.extend(role.map(|role| ("RoleArn".to_owned(), role)));
    aim.extend(queue.map(|arn| ("DeadLetterConfig".to_owned(), json!({ "Arn": arn }))));
    rule.set("Targets", json!([aim]));
    let mut all = vec![rule];
    all.extend(made);
    Ok(all)
}

/// A rule that calls a function.
pub(super) fn rule(
    target: &Target,
    logical: &str,
    kind: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let mut made =
        any_rule(target.arn(), &target.attributes, None, "LambdaTarget", logical, kind, properties)?;
    let mut permission = permission(target, &format!("{logical}Permission"), "events.amazonaws.com");
    permission.set("SourceArn", attribute(logical, "Arn"));
    made.push(permission);
    Ok(made)
}

/// A rule that starts a state machine, with the role that it does that with.
pub(super) fn machine_rule(
    arn: &Value,
    boundary: Option<&Value>,
    attributes: &Map<String, Value>,
    logical: &str,
    kind: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let (role_arn, role) = if let Some(given) = properties.get("RoleArn").filter(|_| kind == "Schedule") {
        (given.clone(), None)
    } else {
        let role = start_role(&format!("{logical}Role"), "events.amazonaws.com", arn, boundary, attributes);
        (attribute(&role.logical, "Arn"), Some(role))
    };
    let suffix = "StepFunctionsTarget";
    let mut made = any_rule(arn.clone(), attributes, Some(role_arn), suffix, logical, kind, properties)?;
    made.extend(role);
    Ok(made)
}

/// A role that may start a state machine.
pub(super) fn start_role(
    id: &str,
    service: &str,
    arn: &Value,
    boundary: Option<&Value>,
    attributes: &Map<String, Value>,
) -> Made {
    let mut role = Made::new(id, "AWS::IAM::Role", attributes);
    role.set("AssumeRolePolicyDocument", policies::trust(service));
    let policy = policies::policy(&format!("{id}StartExecutionPolicy"), "states:StartExecution", arn);
    role.set("Policies", json!([policy])).set("PermissionsBoundary", boundary.cloned().unwrap_or_default());
    role
}

/// A schedule of `EventBridge` Scheduler, with the role that it calls with.
pub(super) fn schedule(
    arn: &Value,
    is_machine: bool,
    attributes: &Map<String, Value>,
    logical: &str,
    properties: &Map<String, Value>,
) -> Result<Vec<Made>, String> {
    let plain = [
        "ScheduleExpression",
        "Description",
        "StartDate",
        "EndDate",
        "ScheduleExpressionTimezone",
        "GroupName",
        "KmsKeyArn",
        "State",
    ];
    let other = [
        "PermissionsBoundary",
        "FlexibleTimeWindow",
        "Name",
        "Input",
        "RoleArn",
        "DeadLetterConfig",
        "RetryPolicy",
        "OmitName",
    ];
    judge_members(properties, "ScheduleV2", &[plain, other].concat(), &[])?;
    required(properties, "ScheduleExpression")?;
    let mut schedule = Made::new(logical, "AWS::Scheduler::Schedule", attributes);
    schedule.copy(properties, &plain);
    let name = properties.get("Name").cloned();
    if !is_set(properties.get("OmitName")) {
        schedule.set("Name", name.unwrap_or_else(|| logical.into()));
    } else if name.is_some() {
        return Err("Name cannot be set when OmitName is True".into());
    }
    let window = properties.get("FlexibleTimeWindow").cloned().unwrap_or_else(|| json!({ "Mode": "OFF" }));
    schedule.set("FlexibleTimeWindow", window);
    let (queue, mut made) = dead_letters(properties, logical, attributes, None)?;
    let role_arn = if let Some(given) = properties.get("RoleArn") {
        given.clone()
    } else {
        let mut role = Made::new(format!("{logical}Role"), "AWS::IAM::Role", attributes);
        role.set("AssumeRolePolicyDocument", policies::trust("scheduler.amazonaws.com"));
        let mut all = vec![if is_machine {
            policies::policy(&format!("{logical}StartExecutionPolicy"), "states:StartExecution", arn)
        } else {
            policies::policy(&format!("{logical}LambdaPolicy"), "lambda:InvokeFunction", arn)
        }];
        all.extend(
            queue
                .as_ref()
                .map(|arn| policies::policy(&format!("{logical}SQSPolicy"), "sqs:SendMessage", arn)),
        );
        role.set("Policies", all);
        role.copy(properties, &["PermissionsBoundary"]);
        let arn = attribute(&role.logical, "Arn");
        made.push(role);
        arn
    };
    let mut aim = Map::from_iter([("Arn".to_owned(), arn.clone()), ("RoleArn".to_owned(), role_arn)]);
    for name in ["Input", "RetryPolicy"] {
        aim.extend(properties.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    aim.extend(queue.map(|arn| ("DeadLetterConfig".to_owned(), json!({ "Arn": arn }))));
    schedule.set("Target", aim);
    made.insert(0, schedule);
    Ok(made)
}

/// The queue for events that could not be delivered: given, or made (for a rule with the policy that lets it in).
fn dead_letters(
    properties: &Map<String, Value>,
    logical: &str,
    attributes: &Map<String, Value>,
    rule: Option<&Value>,
) -> Result<(Option<Value>, Vec<Made>), String> {
    let Some(config) = properties.get("DeadLetterConfig") else { return Ok((None, Vec::new())) };
    match (config.get("Arn"), config.get("Type").map(|kind| kind == "SQS")) {
        (Some(_), Some(_)) => {
            return Err("You can either define 'Arn' or 'Type' property of DeadLetterConfig.".into());
        }
        (Some(arn), None) => return Ok((Some(arn.clone()), Vec::new())),
        (None, None) => return Err("No 'Arn' or 'Type' property provided for DeadLetterConfig.".into()),
        (None, Some(false)) => {
            return Err("The only valid value for 'Type' property of DeadLetterConfig is 'SQS'.".into());
        }
        (None, Some(true)) => {}
    }
    let id = config.get("QueueLogicalId").and_then(Value::as_str);
    let queue =
        Made::new(id.map_or_else(|| format!("{logical}Queue"), str::to_owned), "AWS::SQS::Queue", attributes);
    let arn = attribute(&queue.logical, "Arn");
    let mut made = Vec::new();
    if let Some(rule) = rule {
        let mut policy = Made::new(format!("{logical}QueuePolicy"), "AWS::SQS::QueuePolicy", attributes);
        let statement = json!({
            "Action": "sqs:SendMessage", "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
            "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": rule } },
        });
        policy.set("PolicyDocument", json!({ "Version": "2012-10-17", "Statement": [statement] }));
        policy.set("Queues", json!([reference(&queue.logical)]));
        made.push(policy);
    }
    made.push(queue);
    Ok((Some(arn), made))
}
