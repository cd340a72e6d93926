//! What templates make, on a Lambda whose functions are never run.

use std::sync::Arc;

use moln_fabric::{Outbox, Timers};
use moln_functions::{Finished, Invocation, Provisioned, Revision, Streamed, Unavailable};
use moln_kernel::{
    AccountId, ApiError, Context, Endpoint, Principal, SharedClock, SystemClock,
    clock::BoxFuture,
    ports::{LogLine, LogTarget, NoMetrics, WriteLogs},
    resources::{Origin, Resource, ResourceHandler},
};
use moln_store::{Blobs, MemoryStore};
use serde_json::{Value, json};

use super::handlers;
use crate::{
    Execute, Lambda, Ports,
    model::{
        GetFunctionConcurrencyRequest, GetFunctionConfigurationRequest, GetPolicyRequest, Lambda as _,
        ListTagsRequest,
    },
    testing::{FakeQueues, START},
};

/// Everything is ready and nothing is run.
struct Idle;

impl Execute for Idle {
    fn invoke<'a>(
        &'a self,
        _: &'a Arc<Revision>,
        _: Invocation,
    ) -> BoxFuture<'a, Result<Finished, Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable::Stopping)))
    }
    fn invoke_streaming<'a>(
        &'a self,
        _: &'a Arc<Revision>,
        _: Invocation,
    ) -> BoxFuture<'a, Result<Streamed, Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable::Stopping)))
    }
    fn prepare<'a>(&'a self, _: &'a Arc<Revision>) -> BoxFuture<'a, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn provision(&self, _: &Arc<Revision>, _: u32) {}
    fn provisioned(&self, _: &str) -> Provisioned {
        Provisioned::default()
    }
    fn retire(&self, _: &str) {}
}

impl WriteLogs for Idle {
    fn write(&self, _: &LogTarget, _: Vec<LogLine>) -> bool {
        true
    }
}

struct World {
    lambda: Arc<Lambda>,
    ctx: Context,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // An update takes a moment of the clock, which must pass by itself.
        let clock: SharedClock = Arc::new(SystemClock::default());
        let store = MemoryStore::new();
        let queues = Arc::new(FakeQueues::new(Arc::clone(&clock)));
        let endpoint = Arc::new(Endpoint { scheme: "http", authority: "127.0.0.1:4566".into() });
        let lambda = Lambda::open(Ports {
            blobs: Blobs::open(directory.path().join("blobs")).unwrap(),
            execute: Arc::new(Idle),
            timers: Timers::new(store.clone(), Arc::clone(&clock)),
            outbox: Outbox::new(store.clone(), Arc::clone(&clock)),
            logs: Arc::new(Idle),
            metrics: Arc::new(NoMetrics),
            queues: queues.clone(),
            sources: queues,
            topics: None,
            buses: None,
            objects: None,
            roles: None,
            endpoint: Arc::clone(&endpoint),
            store,
            clock,
        })
        .unwrap();
        let account = AccountId::from("000000000000");
        let ctx = Context::internal(
            account.clone(),
            "us-east-1".into(),
            Principal::Account(account),
            endpoint,
            START,
        );
        Self { lambda, ctx, _directory: directory }
    }

    fn handler(&self, name: &str) -> Box<dyn ResourceHandler> {
        handlers(&self.lambda).into_iter().find(|handler| handler.type_name() == name).unwrap()
    }

    async fn create(&self, name: &str, properties: &Value) -> Result<Resource, ApiError> {
        let origin = Origin { stack: "shop".into(), logical_id: "Thing".into(), ..Origin::default() };
        self.handler(name).create(&self.ctx, &origin, properties).await
    }

    async fn function(&self) -> Resource {
        self.create("AWS::Lambda::Function", &function()).await.unwrap()
    }

    async fn configuration(&self, name: &str) -> crate::model::FunctionConfiguration {
        let input = GetFunctionConfigurationRequest { function_name: name.into(), qualifier: None };
        self.lambda.get_function_configuration(&self.ctx, input).await.unwrap()
    }
}

fn function() -> Value {
    json!({
        "Code": {"ZipFile": "exports.handler = async () => 1;"},
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r",
        "Runtime": "nodejs20.x",
        "Timeout": "30",
        "Environment": {"Variables": {"NUM": 1}},
        "ReservedConcurrentExecutions": 5,
        "Tags": [{"Key": "a", "Value": "b"}],
    })
}

fn attribute(resource: &Resource, name: &str) -> String {
    resource.attributes[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_function_is_made_changed_and_removed() {
    let world = World::new();
    let functions = world.handler("AWS::Lambda::Function");
    let made = world.function().await;
    assert!(made.reference.starts_with("shop-Thing-"));
    let arn = attribute(&made, "Arn");
    assert_eq!(arn, format!("arn:aws:lambda:us-east-1:000000000000:function:{}", made.id));
    let before = world.configuration(&made.id).await;
    assert_eq!((before.timeout, before.state.as_deref()), (Some(30), Some("Active")));
    assert_eq!(before.environment.unwrap().variables.unwrap()["NUM"], "1");
    let reserved = GetFunctionConcurrencyRequest { function_name: made.id.clone() };
    let concurrency = world.lambda.get_function_concurrency(&world.ctx, reserved.clone()).await.unwrap();
    assert_eq!(concurrency.reserved_concurrent_executions, Some(5));

    let mut after = function();
    let members = after.as_object_mut().unwrap();
    for gone in ["Timeout", "Environment", "ReservedConcurrentExecutions"] {
        members.remove(gone);
    }
    members.insert("Code".into(), json!({"ZipFile": "exports.handler = async () => 2;"}));
    members.insert("Tags".into(), json!([{"Key": "c", "Value": "d"}]));
    functions.update(&world.ctx, &made.id, &function(), &after).await.unwrap();
    let now = world.configuration(&made.id).await;
    assert_eq!(now.timeout, Some(3));
    assert!(now.environment.and_then(|environment| environment.variables).is_none_or(|all| all.is_empty()));
    assert_ne!(now.code_sha256, before.code_sha256);
    let concurrency = world.lambda.get_function_concurrency(&world.ctx, reserved).await.unwrap();
    assert_eq!(concurrency.reserved_concurrent_executions, None);
    let tags =
        world.lambda.list_tags(&world.ctx, ListTagsRequest { resource: arn }).await.unwrap().tags.unwrap();
    assert_eq!(tags, [("c".to_owned(), "d".to_owned())].into());

    functions.delete(&world.ctx, &made.id, &after).await.unwrap();
    functions.delete(&world.ctx, &made.id, &after).await.unwrap();
    assert_eq!(functions.read(&world.ctx, &made.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_bad_function_leaves_nothing() {
    let world = World::new();
    let mut bad = function();
    bad["FunctionName"] = "f".into();
    bad["ReservedConcurrentExecutions"] = 1_000_000.into();
    world.create("AWS::Lambda::Function", &bad).await.unwrap_err();
    assert_eq!(world.handler("AWS::Lambda::Function").read(&world.ctx, "f").await.unwrap(), None);
    bad = function();
    bad["VpcConfig"] = json!({"Subnets": []});
    let error = world.create("AWS::Lambda::Function", &bad).await.unwrap_err();
    assert!(error.message.contains("[Subnets]"), "{error}");
    bad = function();
    bad["MemorySize"] = "64".into();
    let error = world.create("AWS::Lambda::Function", &bad).await.unwrap_err();
    assert!(error.message.contains("'memorySize' failed to satisfy constraint"), "{error}");
}

#[tokio::test]
async fn versions_and_aliases() {
    let world = World::new();
    let made = world.function().await;
    let version = world.create("AWS::Lambda::Version", &json!({"FunctionName": made.id})).await.unwrap();
    assert_eq!(version.reference, format!("{}:1", attribute(&made, "Arn")));
    assert_eq!(attribute(&version, "Version"), "1");
    let mut changed = function();
    changed["Timeout"] = 31.into();
    world.handler("AWS::Lambda::Function").update(&world.ctx, &made.id, &function(), &changed).await.unwrap();
    world.create("AWS::Lambda::Version", &json!({"FunctionName": made.id})).await.unwrap();
    let first = json!({
        "FunctionName": made.id, "Name": "live", "FunctionVersion": "1",
        "RoutingConfig": {"AdditionalVersionWeights": [{"FunctionVersion": "2", "FunctionWeight": 0.25}]},
    });
    let alias = world.create("AWS::Lambda::Alias", &first).await.unwrap();
    assert_eq!(alias.reference, format!("{}:live", attribute(&made, "Arn")));
    let aliases = world.handler("AWS::Lambda::Alias");
    let second = json!({"FunctionName": made.id, "Name": "live", "FunctionVersion": "2"});
    aliases.update(&world.ctx, &alias.id, &first, &second).await.unwrap();
    let input = crate::model::GetAliasRequest { function_name: made.id.clone(), name: "live".into() };
    let now = world.lambda.get_alias(&world.ctx, input).await.unwrap();
    assert_eq!((now.function_version.as_deref(), now.routing_config.is_none()), (Some("2"), true));
    aliases.delete(&world.ctx, &alias.id, &second).await.unwrap();
    assert_eq!(aliases.read(&world.ctx, &alias.id).await.unwrap(), None);
    let versions = world.handler("AWS::Lambda::Version");
    versions.delete(&world.ctx, &version.id, &Value::Null).await.unwrap();
    assert_eq!(versions.read(&world.ctx, &version.id).await.unwrap(), None);
}

#[tokio::test]
async fn permissions_urls_and_invoke_configs() {
    let world = World::new();
    let made = world.function().await;
    let properties = json!({
        "FunctionName": attribute(&made, "Arn"), "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
        "FunctionUrlAuthType": "NONE",
    });
    let permission = world.create("AWS::Lambda::Permission", &properties).await.unwrap();
    let ask = GetPolicyRequest { function_name: made.id.clone(), qualifier: None };
    let policy = world.lambda.get_policy(&world.ctx, ask.clone()).await.unwrap().policy.unwrap();
    assert!(policy.contains(&permission.id), "{policy}");
    let permissions = world.handler("AWS::Lambda::Permission");
    permissions.delete(&world.ctx, &permission.id, &properties).await.unwrap();
    permissions.delete(&world.ctx, &permission.id, &properties).await.unwrap();
    assert!(world.lambda.get_policy(&world.ctx, ask).await.is_err());

    let first = json!({
        "TargetFunctionArn": attribute(&made, "Arn"), "AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM",
        "Cors": {"AllowOrigins": ["*"], "MaxAge": "60"},
    });
    let url = world.create("AWS::Lambda::Url", &first).await.unwrap();
    assert!(attribute(&url, "FunctionUrl").contains(".lambda-url.us-east-1."));
    assert_eq!(url.reference, attribute(&made, "Arn"));
    let urls = world.handler("AWS::Lambda::Url");
    let second = json!({"TargetFunctionArn": attribute(&made, "Arn"), "AuthType": "AWS_IAM"});
    let changed = urls.update(&world.ctx, &url.id, &first, &second).await.unwrap();
    assert_eq!(changed.attributes, url.attributes);
    urls.delete(&world.ctx, &url.id, &second).await.unwrap();
    assert_eq!(urls.read(&world.ctx, &url.id).await.unwrap(), None);

    let config = json!({"FunctionName": made.id, "Qualifier": "$LATEST", "MaximumRetryAttempts": "1"});
    let set = world.create("AWS::Lambda::EventInvokeConfig", &config).await.unwrap();
    let configs = world.handler("AWS::Lambda::EventInvokeConfig");
    assert!(configs.read(&world.ctx, &set.id).await.unwrap().is_some());
    configs.delete(&world.ctx, &set.id, &config).await.unwrap();
    assert_eq!(configs.read(&world.ctx, &set.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_queue_is_mapped() {
    let world = World::new();
    let made = world.function().await;
    let first = json!({
        "FunctionName": made.id, "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q", "BatchSize": "5",
        "Enabled": "false", "FilterCriteria": {"Filters": [{"Pattern": {"body": {"a": [1]}}}]},
    });
    let mapping = world.create("AWS::Lambda::EventSourceMapping", &first).await.unwrap();
    assert!(
        attribute(&mapping, "EventSourceMappingArn")
            .ends_with(&format!(":event-source-mapping:{}", mapping.id))
    );
    let mappings = world.handler("AWS::Lambda::EventSourceMapping");
    let mut second = first.clone();
    second.as_object_mut().unwrap().remove("BatchSize");
    mappings.update(&world.ctx, &mapping.id, &first, &second).await.unwrap();
    let input = crate::model::GetEventSourceMappingRequest { uuid: mapping.id.clone() };
    let now = world.lambda.get_event_source_mapping(&world.ctx, input).await.unwrap();
    assert_eq!(now.batch_size, Some(10));
    assert_eq!(
        now.filter_criteria.unwrap().filters.unwrap()[0].pattern.as_deref(),
        Some(r#"{"body":{"a":[1]}}"#)
    );
    mappings.delete(&world.ctx, &mapping.id, &second).await.unwrap();
}
