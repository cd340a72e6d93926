//! The `CloudFormation` types and the port.

#![allow(clippy::unwrap_used, clippy::case_sensitive_file_extension_comparisons)] // helpers of tests

mod support;

use moln_kernel::{
    ports::{QueueMessage, SendToQueue},
    resources::{Origin, ResourceHandler},
};
use moln_sqs::{model::*, resources::handlers};
use serde_json::{Value, json};
use support::{World, bodies};

fn handler(world: &World, name: &str) -> Box<dyn ResourceHandler> {
    handlers(&world.sqs).into_iter().find(|handler| handler.type_name() == name).unwrap()
}

fn origin() -> Origin {
    Origin { stack: "stack".into(), logical_id: "Queue".into(), ..Origin::default() }
}

#[tokio::test]
async fn a_queue_is_made_changed_and_removed() {
    let world = World::new();
    let queue = handler(&world, "AWS::SQS::Queue");
    let before = json!({
        "FifoQueue": true, "ContentBasedDeduplication": true, "DelaySeconds": 5, "VisibilityTimeout": "60",
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    });
    let made = queue.create(&world.ctx, &origin(), &before).await.unwrap();
    let name = made.attributes["QueueName"].as_str().unwrap().to_owned();
    assert!(name.starts_with("stack-Queue-") && name.ends_with(".fifo"), "{name}");
    assert_eq!(made.reference, format!("http://127.0.0.1:4566/000000000000/{name}"));
    assert_eq!(made.attributes["Arn"], format!("arn:aws:sqs:us-east-1:000000000000:{name}"));
    let after = json!({"FifoQueue": true, "VisibilityTimeout": 61, "Tags": [{"Key": "b", "Value": "3"}]});
    assert!(!queue.replaces(&before, &after));
    assert!(queue.replaces(&before, &json!({"FifoQueue": false})));
    assert_eq!(queue.update(&world.ctx, &made.id, &before, &after).await.unwrap(), made);
    let attributes = world.attributes(&made.id).await;
    assert_eq!(attributes["VisibilityTimeout"], "61");
    assert_eq!(attributes["DelaySeconds"], "0", "taken out: the default again");
    assert_eq!(attributes["ContentBasedDeduplication"], "false");
    let tags =
        world.sqs.list_queue_tags(&world.ctx, ListQueueTagsRequest { queue_url: made.id.clone() }).await;
    assert_eq!(tags.unwrap().tags.unwrap(), support::map(&[("b", "3")]));
    assert_eq!(queue.read(&world.ctx, &made.id).await.unwrap(), Some(made.clone()));
    queue.delete(&world.ctx, &made.id, &after).await.unwrap();
    queue.delete(&world.ctx, &made.id, &after).await.unwrap();
    assert_eq!(queue.read(&world.ctx, &made.id).await.unwrap(), None);
}

#[tokio::test]
async fn redrive_policies_come_as_objects() {
    let world = World::new();
    world.create("dead", &[]).await;
    let queue = handler(&world, "AWS::SQS::Queue");
    let redrive =
        json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 3});
    let properties = json!({"QueueName": "q", "FifoQueue": false, "RedrivePolicy": redrive});
    let made = queue.create(&world.ctx, &origin(), &properties).await.unwrap();
    let told: Value = serde_json::from_str(&world.attributes(&made.id).await["RedrivePolicy"]).unwrap();
    assert_eq!(told, redrive);
    let bare = json!({"QueueName": "q"});
    queue.update(&world.ctx, &made.id, &properties, &bare).await.unwrap();
    assert!(!world.attributes(&made.id).await.contains_key("RedrivePolicy"));
    assert!(queue.properties().contains(&"RedrivePolicy") && !queue.properties().contains(&"Nonsense"));
}

#[tokio::test]
async fn a_policy_is_set_on_its_queues_and_taken_from_them() {
    let world = World::new();
    let (a, b) = (world.create("a", &[]).await, world.create("b", &[]).await);
    let document = json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]});
    for (name, before, after) in [
        (
            "AWS::SQS::QueuePolicy",
            json!({"PolicyDocument": document, "Queues": [a, b]}),
            json!({"PolicyDocument": document, "Queues": [b]}),
        ),
        (
            "AWS::SQS::QueueInlinePolicy",
            json!({"PolicyDocument": document, "Queue": b}),
            json!({"PolicyDocument": document, "Queue": b}),
        ),
    ] {
        let policy = handler(&world, name);
        let made = policy.create(&world.ctx, &origin(), &before).await.unwrap();
        assert!(world.attributes(&b).await["Policy"].contains("sqs:*"));
        policy.update(&world.ctx, &made.id, &before, &after).await.unwrap();
        assert!(!world.attributes(&a).await.contains_key("Policy"));
        assert!(policy.read(&world.ctx, &made.id).await.unwrap().is_some());
        policy.delete(&world.ctx, &made.id, &after).await.unwrap();
        assert!(!world.attributes(&b).await.contains_key("Policy"));
    }
}

#[tokio::test]
async fn other_services_send_by_arn() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    let message = QueueMessage { body: "x".into(), ..QueueMessage::default() };
    let arn = "arn:aws:sqs:us-east-1:000000000000:q";
    let id = SendToQueue::send(&*world.sqs, &world.ctx, arn, message.clone()).await.unwrap();
    let got = world.receive(&url, 1).await;
    assert_eq!((bodies(&got), got[0].message_id.as_ref()), (vec!["x"], Some(&id)));
    let error =
        SendToQueue::send(&*world.sqs, &world.ctx, "arn:aws:sqs:us-east-1:000000000000:no", message).await;
    assert_eq!(error.unwrap_err().code, "QueueDoesNotExist");
}
