//! What templates make, on a Lambda whose functions are never run.

use std::sync::Arc;

use moln_fabric::{Outbox, Timers};
use moln_functions::{Finished, Invocation, Provisioned, Revision, Streamed, Unavailable};
use moln_kernel::{
    AccountId, ApiError, Context, Endpoint, ManualClock, Principal, SharedClock,
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
        let clock: SharedClock = Arc::new(ManualClock::new(START));
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
        let origin = Origin { stack: "shop".into(), logical_id: "Thing".into() };
        self.handler(name).create(&self.ctx, &origin, properties).await
    }

    async fn function(&self) -> Resource {
        self.create("AWS::Lambda::Function", &function()).await.unwrap()
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
