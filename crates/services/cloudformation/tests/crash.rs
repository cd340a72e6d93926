//! A server that dies at every single step of an operation, one after the other: each commit and each thing that a handler
//! does. The next server brings the operation to its end, dies once more on the way, and the third finishes. Nothing is made
//! twice, nothing is left over, and what is there is what the state says.

// Tests may panic.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use moln_cloudformation::model::{CancelUpdateStackInput, Cloudformation as _, DeleteStackInput};
use moln_store::MemoryStore;
use serde_json::{Value, json};

use support::{World, change, creation};

fn thing(kind: &str, properties: Value) -> Value {
    json!({"Type": format!("Test::Fake::{kind}"), "Properties": properties})
}

fn after(mut thing: Value, others: &[&str]) -> Value {
    thing["DependsOn"] = json!(others);
    thing
}

/// What a stack is made of first.
fn first() -> Value {
    json!({
        "Kept": thing("Thing", json!({"Label": "kept"})),
        "Changed": thing("Put", json!({"Label": "changed", "Value": 1})),
        "Replaced": thing("Thing", json!({"Label": "replaced", "Name": "one"})),
        "Follows": thing("Thing", json!({"Label": "follows", "Link": {"Ref": "Replaced"}})),
        "Goes": thing("Thing", json!({"Label": "goes", "Link": {"Ref": "Kept"}})),
    })
}

/// What it becomes: something changed, replaced, removed, added.
fn second() -> Value {
    let mut resources = first();
    let members = resources.as_object_mut().unwrap();
    members.remove("Goes");
    members.insert("Comes".into(), thing("Put", json!({"Label": "comes", "Link": {"Ref": "Replaced"}})));
    resources["Changed"]["Properties"]["Value"] = json!(2);
    resources["Replaced"]["Properties"]["Name"] = json!("two");
    resources
}

/// The same, and something fails when all is done.
fn failing(mut resources: Value) -> Value {
    let names: Vec<String> = resources.as_object().unwrap().keys().cloned().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    resources["Fails"] = after(thing("Thing", json!({"Label": "fails", "Fail": true})), &names);
    resources
}

/// The same, and something fails while the rest is under way.
fn failing_beside(mut resources: Value) -> Value {
    resources["Changed"]["Properties"]["Fail"] = json!(true);
    resources
}

fn body(resources: &Value) -> String {
    json!({ "Resources": resources }).to_string()
}

/// What the things of a template look like when they are there.
fn labels(resources: &Value) -> Vec<Value> {
    let mut shown: Vec<Value> = Vec::new();
    for one in resources.as_object().unwrap().values() {
        let mut properties = one["Properties"].clone();
        if let Some(name) = properties.pointer("/Link/Ref").and_then(Value::as_str) {
            properties["Link"] = resources[name]["Properties"]["Label"].clone();
        }
        shown.push(properties);
    }
    shown.sort_by_key(Value::to_string);
    shown
}

/// States, and what is there in each.
type Ends = &'static [(&'static str, fn() -> Value)];

/// One operation and what it must come to; further ends are those of a caller whose last word was not heard.
struct Case {
    begin: Option<Value>,
    call: fn(&World) -> support::Asking<'_>,
    ends: Ends,
}

/// Runs it once for each step that it has.
async fn dies_everywhere(case: &Case) {
    let mut step = 0;
    loop {
        let store = MemoryStore::new();
        let mut world = World::new(&store);
        if let Some(resources) = &case.begin {
            world.create(&body(resources)).await.unwrap().unwrap();
            assert!(world.rest().await);
            assert_eq!(world.status().await, "CREATE_COMPLETE");
        }
        // The first step is the commit that the caller is answered with.
        world.life.ends_after(1 + step);
        let heard = (case.call)(&world).await;
        let mut deaths = 0;
        if !heard || !world.rest().await {
            world = world.restart().await;
            deaths += 1;
            world.life.ends_after(step % 11);
            if !world.rest().await {
                world = world.restart().await;
                deaths += 1;
                assert!(world.rest().await);
            }
        }
        world.life.ends_after(i64::MAX);
        let status = world.status().await;
        let left = world.things.labels();
        let ends = if heard { &case.ends[..1] } else { case.ends };
        let end = ends.iter().find(|(end, _)| *end == status);
        let expected = end.map(|(_, resources)| labels(&resources()));
        assert_eq!(Some(left), expected, "{status} after death at step {step}: {:#?}", world.reasons().await);
        if deaths == 0 {
            break;
        }
        step += 1;
        assert!(step < 200, "it never ends");
    }
    assert!(step > 5, "it has {step} steps");
}

fn nothing() -> Value {
    json!({})
}

#[tokio::test]
async fn a_creation_is_finished() {
    let call: fn(&World) -> support::Asking<'_> =
        |world| Box::pin(async { world.create(&body(&first())).await.is_some() });
    dies_everywhere(&Case { begin: None, call, ends: &[("CREATE_COMPLETE", first)] }).await;
}

#[tokio::test]
async fn a_creation_that_fails_leaves_nothing() {
    let late: fn(&World) -> support::Asking<'_> =
        |world| Box::pin(async { world.create(&body(&failing(first()))).await.is_some() });
    dies_everywhere(&Case { begin: None, call: late, ends: &[("ROLLBACK_COMPLETE", nothing)] }).await;
    let early: fn(&World) -> support::Asking<'_> =
        |world| Box::pin(async { world.create(&body(&failing_beside(first()))).await.is_some() });
    dies_everywhere(&Case { begin: None, call: early, ends: &[("ROLLBACK_COMPLETE", nothing)] }).await;
}

#[tokio::test]
async fn an_update_is_finished() {
    let call: fn(&World) -> support::Asking<'_> =
        |world| Box::pin(async { world.update(&body(&second())).await.is_some() });
    dies_everywhere(&Case { begin: Some(first()), call, ends: &[("UPDATE_COMPLETE", second)] }).await;
}

#[tokio::test]
async fn an_update_that_fails_leads_back() {
    let late: fn(&World) -> support::Asking<'_> =
        |world| Box::pin(async { world.update(&body(&failing(second()))).await.is_some() });
    let ends: Ends = &[("UPDATE_ROLLBACK_COMPLETE", first)];
    dies_everywhere(&Case { begin: Some(first()), call: late, ends }).await;
    let early: fn(&World) -> support::Asking<'_> =
        |world| Box::pin(async { world.update(&body(&failing_beside(second()))).await.is_some() });
    dies_everywhere(&Case { begin: Some(first()), call: early, ends }).await;
}

#[tokio::test]
async fn a_deletion_is_finished() {
    let call: fn(&World) -> support::Asking<'_> = |world| Box::pin(async { world.delete().await.is_some() });
    dies_everywhere(&Case { begin: Some(first()), call, ends: &[("DELETE_COMPLETE", nothing)] }).await;
}

/// A word that was acknowledged counts, also when the server dies before anything comes of it.
#[tokio::test]
async fn a_creation_that_is_deleted_and_an_update_that_is_cancelled_are_undone() {
    let deleted: fn(&World) -> support::Asking<'_> = |world| {
        Box::pin(async {
            let asked = async {
                world.stacks.create_stack(&world.ctx, creation(&body(&first()))).await?;
                while world.things.all().len() < 2 {
                    tokio::task::yield_now().await;
                }
                let input = DeleteStackInput { stack_name: "s".into(), ..Default::default() };
                world.stacks.delete_stack(&world.ctx, input).await
            };
            world.ask(asked).await.map(Result::unwrap).is_some()
        })
    };
    let ends: Ends = &[("DELETE_COMPLETE", nothing), ("CREATE_COMPLETE", first)];
    dies_everywhere(&Case { begin: None, call: deleted, ends }).await;
    let cancelled: fn(&World) -> support::Asking<'_> = |world| {
        Box::pin(async {
            let asked = async {
                world.stacks.update_stack(&world.ctx, change(&body(&second()))).await?;
                while !world.things.all().contains_key("two") {
                    tokio::task::yield_now().await;
                }
                let input = CancelUpdateStackInput { stack_name: "s".into(), ..Default::default() };
                world.stacks.cancel_update_stack(&world.ctx, input).await
            };
            world.ask(asked).await.map(Result::unwrap).is_some()
        })
    };
    let ends: Ends = &[("UPDATE_ROLLBACK_COMPLETE", first), ("UPDATE_COMPLETE", second)];
    dies_everywhere(&Case { begin: Some(first()), call: cancelled, ends }).await;
}

/// An update that failed and was left as it stood: deleting the stack removes also what was replaced.
#[tokio::test]
async fn what_was_left_half_done_is_deleted_whole() {
    let mut step = 0;
    loop {
        let store = MemoryStore::new();
        let mut world = World::new(&store);
        world.create(&body(&first())).await.unwrap().unwrap();
        assert!(world.rest().await);
        let mut kept = change(&body(&failing(second())));
        kept.disable_rollback = Some(true);
        world.stacks.update_stack(&world.ctx, kept).await.unwrap();
        assert!(world.rest().await);
        assert_eq!(world.status().await, "UPDATE_FAILED");
        let both = world.things.labels();
        assert_eq!(both.iter().filter(|one| one["Label"] == "replaced").count(), 2, "{both:?}");
        world.life.ends_after(1 + step);
        let heard = world.delete().await.is_some();
        let lived = heard && world.rest().await;
        if !lived {
            world = world.restart().await;
            assert!(world.rest().await);
        }
        world.life.ends_after(i64::MAX);
        assert_eq!(world.status().await, "DELETE_COMPLETE");
        assert_eq!(world.things.labels(), Vec::<Value>::new(), "after death at step {step}");
        if lived {
            break;
        }
        step += 1;
    }
}
