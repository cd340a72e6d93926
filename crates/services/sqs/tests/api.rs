//! What the operations take and refuse, in AWS's words.

mod support;

use std::collections::BTreeMap;

use moln_sqs::model::*;
use support::{World, map};

fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue {
        data_type: data_type.into(),
        string_value: Some(value.into()),
        ..MessageAttributeValue::default()
    }
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry { id: id.into(), message_body: body.into(), ..Default::default() }
}

#[tokio::test]
async fn creating_a_queue_again_is_judged_by_its_attributes() {
    let world = World::new();
    let url = world.create("q", &[("DelaySeconds", "1")]).await;
    assert_eq!(world.create("q", &[]).await, url);
    assert_eq!(world.create("q", &[("DelaySeconds", "1"), ("VisibilityTimeout", "30")]).await, url);
    let error = world.try_create("q", &[("DelaySeconds", "2")]).await.unwrap_err();
    assert_eq!(
        (error.code.as_ref(), error.query_code.as_deref()),
        ("QueueNameExists", Some("QueueAlreadyExists"))
    );
    assert_eq!(
        error.message,
        "A queue already exists with the same name and a different value for attribute DelaySeconds"
    );
    for name in ["", "a b", "ü", "q.fifo.fifo", &"x".repeat(81)] {
        assert!(world.try_create(name, &[]).await.is_err(), "{name}");
    }
    world.create(&"x".repeat(80), &[]).await;
}

#[tokio::test]
async fn attributes_are_told_with_their_defaults() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    let expected = map(&[
        ("ApproximateNumberOfMessages", "0"),
        ("ApproximateNumberOfMessagesDelayed", "0"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
        ("CreatedTimestamp", "1800000000"),
        ("DelaySeconds", "0"),
        ("LastModifiedTimestamp", "1800000000"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("QueueArn", "arn:aws:sqs:us-east-1:000000000000:q"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("SqsManagedSseEnabled", "true"),
        ("VisibilityTimeout", "30"),
    ]);
    assert_eq!(world.attributes(&url).await, expected);
    world.advance(5);
    world.set(&url, &[("VisibilityTimeout", "31")]).await.unwrap();
    let world = world.restart();
    let told = world.attributes(&url).await;
    assert_eq!(
        (told["VisibilityTimeout"].as_str(), told["LastModifiedTimestamp"].as_str()),
        ("31", "1800000005")
    );
    let ask = |names: Option<Vec<String>>| {
        let input = GetQueueAttributesRequest { queue_url: url.clone(), attribute_names: names };
        world.sqs.get_queue_attributes(&world.ctx, input)
    };
    assert_eq!(ask(None).await.unwrap().attributes, None);
    assert_eq!(ask(Some(vec!["Foobar".into()])).await.unwrap_err().message, "Unknown Attribute Foobar.");
    assert_eq!(ask(Some(vec!["Policy".into()])).await.unwrap().attributes, None);
}

#[tokio::test]
async fn message_attributes_come_back_as_asked_with_their_digest() {
    let world = World::new();
    let url = world.create("q", &[("VisibilityTimeout", "0")]).await;
    let attributes = BTreeMap::from([
        ("bar.x".to_owned(), attribute("String", "1")),
        ("foo".to_owned(), attribute("Number", "2")),
    ]);
    let sent = world
        .send_with(&url, "b", |input| input.message_attributes = Some(attributes.clone()))
        .await
        .unwrap();
    for (asked, expected) in
        [(vec!["All"], 2), (vec![".*"], 2), (vec!["bar.*"], 1), (vec!["foo"], 1), (vec![], 0)]
    {
        let got = world
            .receive_with(&url, |input| {
                input.message_attribute_names = Some(asked.into_iter().map(Into::into).collect());
                input.message_system_attribute_names = None;
            })
            .await
            .unwrap();
        let told = got[0].message_attributes.clone().unwrap_or_default();
        assert_eq!((told.len(), &got[0].attributes), (expected, &None));
        assert_eq!(got[0].md5_of_message_attributes == sent.md5_of_message_attributes, expected == 2);
    }
}

#[tokio::test]
async fn what_a_message_may_not_be() {
    let world = World::new();
    let url = world.create("q", &[("MaximumMessageSize", "1024")]).await;
    let refused = |body: &str| {
        let body = body.to_owned();
        let (world, url) = (&world, &url);
        async move { world.send_with(url, &body, |_| ()).await.unwrap_err() }
    };
    assert_eq!(refused("").await.message, "The request must contain the parameter MessageBody.");
    assert_eq!(refused("a\u{b}").await.code, "InvalidMessageContents");
    let error = refused(&"x".repeat(1025)).await;
    assert_eq!(
        error.message,
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    );
    for (name, value) in [
        ("a", attribute("String", "")),
        ("a", attribute("Nothing", "x")),
        ("a", attribute("Number", "x")),
        ("a", attribute("", "x")),
        ("AWS.x", attribute("String", "x")),
        (".x", attribute("String", "x")),
        ("a!", attribute("String", "x")),
        ("a", attribute("Binary", "x")),
    ] {
        let attributes = BTreeMap::from([(name.to_owned(), value)]);
        let result = world.send_with(&url, "x", |input| input.message_attributes = Some(attributes)).await;
        assert_eq!(result.unwrap_err().code, "InvalidParameterValueException", "{name}");
    }
    let many = (0..11).map(|n| (format!("a{n}"), attribute("String", "x"))).collect();
    assert!(world.send_with(&url, "x", |input| input.message_attributes = Some(many)).await.is_err());
    for delay in [-1, 901] {
        assert!(world.send_with(&url, "x", |input| input.delay_seconds = Some(delay)).await.is_err());
    }
    let id = world.send_with(&url, "x", |input| input.message_deduplication_id = Some("d".into())).await;
    assert!(id.unwrap_err().message.contains("not valid for this queue type"));
}

#[tokio::test]
async fn a_tenant_s_name_stays_with_a_standard_message() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    world.send_fifo(&url, "tenant", "x").await;
    assert_eq!(world.receive(&url, 1).await[0].attributes.as_ref().unwrap()["MessageGroupId"], "tenant");
}

#[tokio::test]
async fn what_a_receive_may_not_ask() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    let changes: [fn(&mut ReceiveMessageRequest); 7] = [
        |input| input.max_number_of_messages = Some(0),
        |input| input.max_number_of_messages = Some(11),
        |input| input.wait_time_seconds = Some(21),
        |input| input.visibility_timeout = Some(43_201),
        |input| input.visibility_timeout = Some(-1),
        |input| input.attribute_names = Some(vec!["Nonsense".into()]),
        |input| input.receive_request_attempt_id = Some("a".into()),
    ];
    for change in changes {
        assert!(world.receive_with(&url, change).await.is_err());
    }
}

#[tokio::test]
async fn a_batch_stands_or_falls_as_a_whole_or_by_entry() {
    let world = World::new();
    let url = world.create("q", &[("MaximumMessageSize", "1024")]).await;
    let send = |entries: Vec<SendMessageBatchRequestEntry>| {
        let input = SendMessageBatchRequest { queue_url: url.clone(), entries };
        world.sqs.send_message_batch(&world.ctx, input)
    };
    for (entries, code) in [
        (vec![], "EmptyBatchRequest"),
        ((0..11).map(|n| entry(&n.to_string(), "x")).collect(), "TooManyEntriesInBatchRequest"),
        (vec![entry("a", "x"), entry("a", "y")], "BatchEntryIdsNotDistinct"),
        (vec![entry("a b", "x")], "InvalidBatchEntryId"),
        (vec![entry("a", &"x".repeat(1 << 20)), entry("b", "y")], "BatchRequestTooLong"),
    ] {
        assert_eq!(send(entries).await.unwrap_err().code, code);
    }
    let result = send(vec![entry("good", "x"), entry("long", &"x".repeat(1025)), entry("bad", "\u{1}")])
        .await
        .unwrap();
    let failed = result.failed.unwrap();
    assert_eq!(result.successful.unwrap()[0].id, "good");
    assert_eq!((failed[0].id.as_str(), failed[0].code.as_str()), ("long", "InvalidParameterValue"));
    assert_eq!((failed[1].id.as_str(), failed[1].sender_fault), ("bad", true));
    let got = world.receive(&url, 10).await;
    let delete = |id: &str, handle: &str| DeleteMessageBatchRequestEntry {
        id: id.into(),
        receipt_handle: handle.into(),
    };
    let entries = vec![delete("a", got[0].receipt_handle.as_ref().unwrap()), delete("b", "garbage")];
    let input = DeleteMessageBatchRequest { queue_url: url.clone(), entries };
    let result = world.sqs.delete_message_batch(&world.ctx, input).await.unwrap();
    assert_eq!(result.successful.unwrap()[0].id, "a");
    assert_eq!(result.failed.unwrap()[0].code, "ReceiptHandleIsInvalid");
    assert_eq!(world.counts(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn a_handle_of_another_queue_or_store_is_refused() {
    let world = World::new();
    let (a, b) = (world.create("a", &[]).await, world.create("b", &[]).await);
    world.send(&a, "x").await;
    let got = world.receive(&a, 1).await;
    assert_eq!(world.delete(&b, &got[0]).await.unwrap_err().code, "ReceiptHandleIsInvalid");
    let other = World::new();
    let url = other.create("a", &[]).await;
    assert_eq!(other.delete(&url, &got[0]).await.unwrap_err().code, "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn queues_are_listed_page_by_page() {
    let world = World::new();
    for n in 0..5 {
        world.create(&format!("a{n}"), &[]).await;
    }
    world.create("b", &[]).await;
    let list = |prefix: Option<&str>, max: Option<i32>, token: Option<String>| {
        let input = ListQueuesRequest {
            queue_name_prefix: prefix.map(Into::into),
            max_results: max,
            next_token: token,
        };
        world.sqs.list_queues(&world.ctx, input)
    };
    assert_eq!(list(None, None, None).await.unwrap().queue_urls.unwrap().len(), 6);
    let first = list(Some("a"), Some(3), None).await.unwrap();
    assert_eq!(first.queue_urls.unwrap().len(), 3);
    let rest = list(Some("a"), Some(3), first.next_token.clone()).await.unwrap();
    assert_eq!((rest.queue_urls.unwrap().len(), rest.next_token), (2, None));
    assert!(list(Some("b"), Some(3), first.next_token).await.is_err(), "a token is for its own listing");
    assert!(list(None, Some(0), None).await.is_err());
    assert_eq!(list(Some("zzz"), None, None).await.unwrap().queue_urls, None);
}

#[tokio::test]
async fn another_account_s_queue_needs_its_policy() {
    let mut world = World::new();
    let url = world.create("q", &[]).await;
    let permit = AddPermissionRequest {
        queue_url: url.clone(),
        label: "l".into(),
        aws_account_ids: vec!["111111111111".into()],
        actions: vec!["SendMessage".into()],
    };
    world.sqs.add_permission(&world.ctx, permit.clone()).await.unwrap();
    let again = world.sqs.add_permission(&world.ctx, permit).await.unwrap_err();
    assert_eq!(again.message, "Value l for parameter Label is invalid. Reason: Already exists.");
    let owner = world.ctx.clone();
    world.ctx.account = "111111111111".into();
    world.send(&url, "x").await;
    let error = world.receive_with(&url, |_| ()).await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("AccessDenied", 403));
    assert_eq!(
        world.send_with("q", "x", |_| ()).await.unwrap_err().code,
        "QueueDoesNotExist",
        "no queue of its own"
    );
    world.ctx = owner;
    let remove = RemovePermissionRequest { queue_url: url.clone(), label: "l".into() };
    world.sqs.remove_permission(&world.ctx, remove.clone()).await.unwrap();
    let error = world.sqs.remove_permission(&world.ctx, remove).await.unwrap_err();
    assert_eq!(error.message, "Value l for parameter Label is invalid. Reason: can't find label.");
    world.ctx.account = "111111111111".into();
    assert_eq!(world.send_with(&url, "x", |_| ()).await.unwrap_err().code, "AccessDenied");
}

#[tokio::test]
async fn a_policy_gives_no_more_than_it_says() {
    let mut world = World::new();
    let url = world.create("q", &[]).await;
    let owner = world.ctx.clone();
    let allow = r#"{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:*:q"}"#;
    let elsewhere = r#"{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:*:other"}"#;
    let others = r#"{"Effect":"Deny","NotPrincipal":{"AWS":"222222222222"},"Action":"sqs:*","Resource":"*"}"#;
    let sends = r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*Message","Resource":"*"}"#;
    let not_this = r#"{"Effect":"Allow","Principal":"*","NotAction":"sqs:ReceiveMessage","Resource":"*"}"#;
    for (statements, yes) in [
        (allow.to_owned(), true),
        (elsewhere.to_owned(), false),
        (format!("{allow},{others}"), false),
        (format!("{allow},{sends}"), false),
        (not_this.to_owned(), false),
    ] {
        world.ctx = owner.clone();
        world.set(&url, &[("Policy", &format!(r#"{{"Statement":[{statements}]}}"#))]).await.unwrap();
        world.ctx.account = "111111111111".into();
        assert_eq!(world.send_with(&url, "x", |_| ()).await.is_ok(), yes, "{statements}");
    }
    world.ctx = owner.clone();
    world.set(&url, &[("Policy", &format!(r#"{{"Statement":{allow}}}"#))]).await.unwrap();
    world.ctx.account = "111111111111".into();
    let delete = DeleteQueueRequest { queue_url: url.clone() };
    let refused = world.sqs.delete_queue(&world.ctx, delete).await.unwrap_err();
    assert_eq!(refused.code, "AccessDenied", "that is the owner's alone");
    assert_eq!(world.set(&url, &[("DelaySeconds", "1")]).await.unwrap_err().code, "AccessDenied");
    let tag = TagQueueRequest { queue_url: url.clone(), tags: map(&[("a", "b")]) };
    assert_eq!(world.sqs.tag_queue(&world.ctx, tag).await.unwrap_err().code, "AccessDenied");
}

#[tokio::test]
async fn tags_have_their_limits() {
    let world = World::new();
    let url = world.create("q", &[]).await;
    let tag = |tags: BTreeMap<String, String>| {
        world.sqs.tag_queue(&world.ctx, TagQueueRequest { queue_url: url.clone(), tags })
    };
    tag((0..50).map(|n| (format!("k{n}"), "v".to_owned())).collect()).await.unwrap();
    tag(map(&[("k0", "")])).await.unwrap();
    let long = "x".repeat(257);
    for bad in [("one-more", "v"), ("aws:x", "v"), ("", "v"), ("k0", &long), ("k!", "v")] {
        assert!(tag(map(&[bad])).await.is_err(), "{bad:?}");
    }
    let keys = (0..50).map(|n| format!("k{n}")).collect();
    world
        .sqs
        .untag_queue(&world.ctx, UntagQueueRequest { queue_url: url.clone(), tag_keys: keys })
        .await
        .unwrap();
    let told =
        world.sqs.list_queue_tags(&world.ctx, ListQueueTagsRequest { queue_url: url.clone() }).await.unwrap();
    assert_eq!(told.tags, None);
}

#[tokio::test]
async fn regions_and_accounts_are_apart() {
    let mut world = World::new();
    world.create("q", &[]).await;
    world.ctx.region = "eu-west-1".into();
    assert!(world.send_with("q", "x", |_| ()).await.is_err());
    world.create("q", &[]).await;
    world.send("q", "x").await;
    world.ctx.region = "us-east-1".into();
    assert!(world.receive("q", 1).await.is_empty());
    let named = "http://sqs.eu-west-1.localhost:4566/000000000000/q";
    assert_eq!(world.receive(named, 1).await.len(), 1);
}

#[tokio::test]
async fn dead_letter_sources_are_listed() {
    let world = World::new();
    let dead = world.create("dead", &[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let source = world.create("q", &[("RedrivePolicy", policy)]).await;
    let input = ListDeadLetterSourceQueuesRequest { queue_url: dead, ..Default::default() };
    let told = world.sqs.list_dead_letter_source_queues(&world.ctx, input).await.unwrap();
    assert_eq!(told.queue_urls, [source]);
}
