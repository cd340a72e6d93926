//! What templates make.
// Helpers of tests may panic like tests.
#![allow(clippy::pedantic, clippy::unwrap_used)]

mod support;

use moln_iam::{model::*, resources::handlers};
use moln_kernel::resources::{Origin, ResourceHandler};
use serde_json::{Value, json};
use support::{BASIC, World, code};

fn handler(world: &World, name: &str) -> Box<dyn ResourceHandler> {
    handlers(&world.iam).into_iter().find(|handler| handler.type_name() == name).unwrap()
}

fn origin() -> Origin {
    Origin { stack: "shop".into(), logical_id: "Worker".into(), ..Origin::default() }
}

fn trust() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": ["sts:AssumeRole"]}
    ]})
}

fn policy(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

async fn inline_of(world: &World, role: &str) -> Vec<String> {
    let input = ListRolePoliciesRequest { role_name: role.into(), ..Default::default() };
    world.iam.list_role_policies(&world.ctx, input).await.unwrap().policy_names
}

async fn attached_to(world: &World, role: &str) -> Vec<String> {
    let input = ListAttachedRolePoliciesRequest { role_name: role.into(), ..Default::default() };
    let attached = world.iam.list_attached_role_policies(&world.ctx, input).await.unwrap();
    attached.attached_policies.unwrap().into_iter().map(|policy| policy.policy_arn.unwrap()).collect()
}

#[tokio::test]
async fn a_role_with_its_policies() {
    let world = World::new();
    let roles = handler(&world, "AWS::IAM::Role");
    let first = json!({
        "AssumeRolePolicyDocument": trust(),
        "ManagedPolicyArns": [BASIC],
        "MaxSessionDuration": "7200",
        "Policies": [{"PolicyName": "a", "PolicyDocument": policy("s3:*")}],
        "Tags": [{"Key": "k", "Value": "v"}],
    });
    let made = roles.create(&world.ctx, &origin(), &first).await.unwrap();
    assert!(made.reference.starts_with("shop-Worker-") && made.id == made.reference);
    assert_eq!(made.attributes["Arn"], format!("arn:aws:iam::000000000000:role/{}", made.id));
    assert_eq!(world.get_role(&made.id).await.unwrap().max_session_duration, Some(7_200));
    // What others put on it stays.
    let input = PutRolePolicyRequest {
        role_name: made.id.clone(),
        policy_name: "foreign".into(),
        policy_document: policy("sqs:*").to_string(),
    };
    world.iam.put_role_policy(&world.ctx, input).await.unwrap();
    let second = json!({
        "AssumeRolePolicyDocument": trust(),
        "Policies": [{"PolicyName": "b", "PolicyDocument": policy("sns:*")}],
    });
    roles.update(&world.ctx, &made.id, &first, &second).await.unwrap();
    assert_eq!(inline_of(&world, &made.id).await, ["b", "foreign"]);
    assert!(attached_to(&world, &made.id).await.is_empty());
    let role = world.get_role(&made.id).await.unwrap();
    assert_eq!((role.tags, role.max_session_duration), (None, Some(3_600)));
    assert_eq!(code(roles.delete(&world.ctx, &made.id, &second).await), "DeleteConflict");
    let input = DeleteRolePolicyRequest { role_name: made.id.clone(), policy_name: "foreign".into() };
    world.iam.delete_role_policy(&world.ctx, input).await.unwrap();
    roles.delete(&world.ctx, &made.id, &second).await.unwrap();
    roles.delete(&world.ctx, &made.id, &second).await.unwrap();
    assert_eq!(roles.read(&world.ctx, &made.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_role_is_made_whole_or_not_at_all() {
    let world = World::new();
    let roles = handler(&world, "AWS::IAM::Role");
    let bad = json!({
        "RoleName": "r",
        "AssumeRolePolicyDocument": trust(),
        "ManagedPolicyArns": [BASIC, "arn:aws:iam::aws:policy/NoSuchThing"],
    });
    assert_eq!(code(roles.create(&world.ctx, &origin(), &bad).await), "NoSuchEntity");
    assert_eq!(code(world.get_role("r").await), "NoSuchEntity");
    assert!(roles.replaces(&bad, &json!({"RoleName": "s"})));
}

#[tokio::test]
async fn one_policy_in_several_roles() {
    let world = World::new();
    for name in ["r", "s"] {
        world.role(name).await;
    }
    let policies = handler(&world, "AWS::IAM::Policy");
    let first = json!({"PolicyName": "p", "PolicyDocument": policy("s3:*"), "Roles": ["r"]});
    let made = policies.create(&world.ctx, &origin(), &first).await.unwrap();
    let second = json!({"PolicyName": "q", "PolicyDocument": policy("s3:*"), "Roles": ["s"]});
    policies.update(&world.ctx, &made.id, &first, &second).await.unwrap();
    assert!(inline_of(&world, "r").await.is_empty());
    assert_eq!(inline_of(&world, "s").await, ["q"]);
    policies.delete(&world.ctx, &made.id, &second).await.unwrap();
    assert!(inline_of(&world, "s").await.is_empty());
    let nobody = json!({"PolicyName": "p", "PolicyDocument": policy("s3:*")});
    assert_eq!(code(policies.create(&world.ctx, &origin(), &nobody).await), "ValidationError");
    let half = json!({"PolicyName": "p", "PolicyDocument": policy("s3:*"), "Roles": ["r", "none"]});
    assert_eq!(code(policies.create(&world.ctx, &origin(), &half).await), "NoSuchEntity");
    assert!(inline_of(&world, "r").await.is_empty());
}

#[tokio::test]
async fn a_managed_policy_gets_versions() {
    let world = World::new();
    world.role("r").await;
    let policies = handler(&world, "AWS::IAM::ManagedPolicy");
    let mut now = json!({"PolicyDocument": policy("a1:*"), "Roles": ["r"]});
    let made = policies.create(&world.ctx, &origin(), &now).await.unwrap();
    assert!(made.reference.starts_with("arn:aws:iam::000000000000:policy/shop-Worker-"));
    assert_eq!(attached_to(&world, "r").await, std::slice::from_ref(&made.id));
    for n in 2..=8 {
        let next = json!({"PolicyDocument": policy(&format!("a{n}:*"))});
        let changed = policies.update(&world.ctx, &made.id, &now, &next).await.unwrap();
        assert_eq!(changed.attributes["DefaultVersionId"], format!("v{n}"));
        now = next;
    }
    assert!(attached_to(&world, "r").await.is_empty());
    let input = ListPolicyVersionsRequest { policy_arn: made.id.clone(), ..Default::default() };
    assert_eq!(world.iam.list_policy_versions(&world.ctx, input).await.unwrap().versions.unwrap().len(), 5);
    world.attach("r", &made.id).await.unwrap();
    assert_eq!(code(policies.delete(&world.ctx, &made.id, &now).await), "DeleteConflict");
    let held = json!({"PolicyDocument": policy("a:*"), "Roles": ["r"]});
    policies.delete(&world.ctx, &made.id, &held).await.unwrap();
    assert_eq!(policies.read(&world.ctx, &made.id).await.unwrap(), None);
    assert!(attached_to(&world, "r").await.is_empty());
}
