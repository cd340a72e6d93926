//! Managed policies and their versions.
#![allow(clippy::pedantic)]

mod support;

use moln_iam::model::*;
use support::{BASIC, POLICY, World, code};

fn version(arn: &str, default: bool) -> CreatePolicyVersionRequest {
    CreatePolicyVersionRequest {
        policy_arn: arn.into(),
        policy_document: POLICY.replace("s3:*", "sqs:*"),
        set_as_default: Some(default),
    }
}

#[tokio::test]
async fn versions_come_and_go() {
    let world = World::new();
    let arn = world.policy("p").await;
    for n in 2..=5 {
        let made = world.iam.create_policy_version(&world.ctx, version(&arn, n == 3)).await.unwrap();
        assert_eq!(made.policy_version.unwrap().version_id, Some(format!("v{n}")));
    }
    let error = world.iam.create_policy_version(&world.ctx, version(&arn, false)).await.unwrap_err();
    assert_eq!(code(Err::<(), _>(error)), "LimitExceeded");
    let drop = |id: &str| {
        let input = DeletePolicyVersionRequest { policy_arn: arn.clone(), version_id: id.into() };
        world.iam.delete_policy_version(&world.ctx, input)
    };
    assert_eq!(code(drop("v3").await), "DeleteConflict");
    drop("v1").await.unwrap();
    assert_eq!(code(drop("v1").await), "NoSuchEntity");
    // A number is not given twice.
    let made = world.iam.create_policy_version(&world.ctx, version(&arn, false)).await.unwrap();
    assert_eq!(made.policy_version.unwrap().version_id.as_deref(), Some("v6"));
    let restarted = world.restart();
    let input = ListPolicyVersionsRequest { policy_arn: arn.clone(), ..Default::default() };
    let versions = restarted.iam.list_policy_versions(&world.ctx, input).await.unwrap().versions.unwrap();
    let ids: Vec<_> = versions.iter().map(|version| version.version_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["v6", "v5", "v4", "v3", "v2"]);
    let input = DeletePolicyRequest { policy_arn: arn.clone() };
    let error = world.iam.delete_policy(&world.ctx, input).await.unwrap_err();
    assert!(error.message.starts_with("This policy has more than one version."), "{error}");
    let input = SetDefaultPolicyVersionRequest { policy_arn: arn.clone(), version_id: "v6".into() };
    world.iam.set_default_policy_version(&world.ctx, input).await.unwrap();
    let policy =
        world.iam.get_policy(&world.ctx, GetPolicyRequest { policy_arn: arn }).await.unwrap().policy.unwrap();
    assert_eq!((policy.default_version_id.as_deref(), policy.attachment_count), (Some("v6"), Some(0)));
}

#[tokio::test]
async fn policies_of_aws_are_there_and_cannot_be_changed() {
    let world = World::new();
    world.role("r").await;
    world.attach("r", BASIC).await.unwrap();
    let policy = world
        .iam
        .get_policy(&world.ctx, GetPolicyRequest { policy_arn: BASIC.into() })
        .await
        .unwrap()
        .policy
        .unwrap();
    assert_eq!((policy.attachment_count, policy.path.as_deref()), (Some(1), Some("/service-role/")));
    let input =
        GetPolicyVersionRequest { policy_arn: BASIC.into(), version_id: policy.default_version_id.unwrap() };
    let document = world
        .iam
        .get_policy_version(&world.ctx, input)
        .await
        .unwrap()
        .policy_version
        .unwrap()
        .document
        .unwrap();
    assert!(document.contains("logs%3APutLogEvents"), "{document}");
    let input = DeletePolicyRequest { policy_arn: BASIC.into() };
    assert_eq!(code(world.iam.delete_policy(&world.ctx, input).await), "AccessDenied");
    let input = ListPoliciesRequest { only_attached: Some(true), ..Default::default() };
    let attached = world.iam.list_policies(&world.ctx, input).await.unwrap().policies.unwrap();
    assert_eq!(attached.len(), 1);
}

#[tokio::test]
async fn a_policy_knows_who_has_it() {
    let world = World::new();
    let arn = world.policy("p").await;
    world.role("r").await;
    world.user("u").await;
    world.attach("r", &arn).await.unwrap();
    let input = AttachUserPolicyRequest { user_name: "u".into(), policy_arn: arn.clone() };
    world.iam.attach_user_policy(&world.ctx, input).await.unwrap();
    let ask = |filter: Option<&str>| {
        let input = ListEntitiesForPolicyRequest {
            policy_arn: arn.clone(),
            entity_filter: filter.map(Into::into),
            ..Default::default()
        };
        world.iam.list_entities_for_policy(&world.ctx, input)
    };
    let all = ask(None).await.unwrap();
    assert_eq!(all.policy_roles.unwrap()[0].role_name.as_deref(), Some("r"));
    assert_eq!(all.policy_users.unwrap()[0].user_name.as_deref(), Some("u"));
    assert!(all.policy_groups.unwrap().is_empty());
    let roles = ask(Some("Role")).await.unwrap();
    assert_eq!((roles.policy_roles.unwrap().len(), roles.policy_users.unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a_boundary_is_a_policy_in_use() {
    let world = World::new();
    let arn = world.policy("p").await;
    world.role("r").await;
    let put = |arn: &str| {
        let input =
            PutRolePermissionsBoundaryRequest { role_name: "r".into(), permissions_boundary: arn.into() };
        world.iam.put_role_permissions_boundary(&world.ctx, input)
    };
    assert_eq!(code(put("arn:aws:iam::000000000000:policy/none").await), "NoSuchEntity");
    put(&arn).await.unwrap();
    let role = world.get_role("r").await.unwrap();
    assert_eq!(role.permissions_boundary.unwrap().permissions_boundary_arn.as_ref(), Some(&arn));
    let drop = DeletePolicyRequest { policy_arn: arn };
    assert_eq!(code(world.iam.delete_policy(&world.ctx, drop.clone()).await), "DeleteConflict");
    let take = DeleteRolePermissionsBoundaryRequest { role_name: "r".into() };
    world.iam.delete_role_permissions_boundary(&world.ctx, take.clone()).await.unwrap();
    assert_eq!(code(world.iam.delete_role_permissions_boundary(&world.ctx, take).await), "NoSuchEntity");
    world.iam.delete_policy(&world.ctx, drop).await.unwrap();
}

#[tokio::test]
async fn inline_policies_have_room_in_all() {
    let world = World::new();
    world.role("r").await;
    let put = |name: &str, chars: usize| {
        let long = format!("arn:aws:s3:::{}", "b".repeat(chars));
        let input = PutRolePolicyRequest {
            role_name: "r".into(),
            policy_name: name.into(),
            policy_document: POLICY.replace("\"*\"", &format!("\"{long}\"")),
        };
        world.iam.put_role_policy(&world.ctx, input)
    };
    put("a", 9_000).await.unwrap();
    let error = put("b", 9_000).await.unwrap_err();
    assert_eq!(error.message, "Maximum policy size of 10240 bytes exceeded for role r");
    put("a", 100).await.unwrap();
    put("b", 9_000).await.unwrap();
}
