//! Roles, through the operations and the ports.
#![allow(clippy::pedantic)]

mod support;

use std::time::Duration;

use moln_iam::model::*;
use moln_kernel::ports::Roles as _;
use support::{BASIC, POLICY, TRUST, World, code};

#[tokio::test]
async fn a_role_is_kept_as_it_was_made() {
    let world = World::new();
    let input = CreateRoleRequest {
        role_name: "Worker".into(),
        path: Some("/team/".into()),
        assume_role_policy_document: TRUST.into(),
        description: Some("works".into()),
        max_session_duration: Some(7_200),
        tags: Some(vec![Tag { key: "k".into(), value: "v".into() }]),
        ..Default::default()
    };
    let made = world.iam.create_role(&world.ctx, input).await.unwrap().role;
    assert_eq!(made.arn, "arn:aws:iam::000000000000:role/team/Worker");
    assert!(made.role_id.starts_with("AROA") && made.role_id.len() == 21);
    let restarted = world.restart();
    let role = restarted.get_role("worker").await.unwrap();
    assert_eq!((role.role_id, role.max_session_duration), (made.role_id.clone(), Some(7_200)));
    assert_eq!(role.description.as_deref(), Some("works"));
    assert_eq!(role.tags.unwrap()[0].value, "v");
    assert!(role.assume_role_policy_document.unwrap().starts_with("%7B%22Version%22%3A%20%222012-10-17%22"));
    let facts = restarted.iam.role(&made.arn).await.unwrap().unwrap();
    assert_eq!((facts.id, facts.max_session), (made.role_id, Duration::from_secs(7_200)));
    for other in ["arn:aws:iam::000000000000:role/Worker", "arn:aws:iam::111111111111:role/team/Worker", "x"]
    {
        assert!(restarted.iam.role(other).await.unwrap().is_none(), "{other}");
    }
}

#[tokio::test]
async fn names_are_taken_whatever_their_case() {
    let world = World::new();
    world.role("Worker").await;
    let error = world.try_role("WORKER", TRUST).await.unwrap_err();
    assert_eq!((error.status, &*error.message), (409, "Role with name WORKER already exists."));
    let error = world.get_role("other").await.unwrap_err();
    assert_eq!((error.status, &*error.message), (404, "The role with name other cannot be found."));
}

#[tokio::test]
async fn nothing_that_hangs_on_a_role_is_lost_with_it() {
    let world = World::new();
    world.role("r").await;
    let own = world.policy("p").await;
    world.attach("r", BASIC).await.unwrap();
    world.attach("r", &own).await.unwrap();
    world.attach("r", &own).await.unwrap();
    let input = PutRolePolicyRequest {
        role_name: "r".into(),
        policy_name: "inline".into(),
        policy_document: POLICY.into(),
    };
    world.iam.put_role_policy(&world.ctx, input).await.unwrap();
    let listed = world
        .iam
        .list_attached_role_policies(
            &world.ctx,
            ListAttachedRolePoliciesRequest { role_name: "r".into(), ..Default::default() },
        )
        .await
        .unwrap()
        .attached_policies
        .unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].policy_name.as_deref(), Some("AWSLambdaBasicExecutionRole"));
    let drop = DeletePolicyRequest { policy_arn: own.clone() };
    assert_eq!(code(world.iam.delete_policy(&world.ctx, drop.clone()).await), "DeleteConflict");
    assert_eq!(
        world.delete_role("r").await.unwrap_err().message,
        "Cannot delete entity, must detach all policies first."
    );
    world.detach("r", BASIC).await.unwrap();
    world.detach("r", &own).await.unwrap();
    assert_eq!(code(world.detach("r", &own).await), "NoSuchEntity");
    assert_eq!(
        world.delete_role("r").await.unwrap_err().message,
        "Cannot delete entity, must delete policies first."
    );
    let input = DeleteRolePolicyRequest { role_name: "r".into(), policy_name: "inline".into() };
    world.iam.delete_role_policy(&world.ctx, input.clone()).await.unwrap();
    let error = world.iam.delete_role_policy(&world.ctx, input).await.unwrap_err();
    assert_eq!(error.message, "The role policy with name inline cannot be found.");
    world.iam.delete_policy(&world.ctx, drop).await.unwrap();
    world.delete_role("r").await.unwrap();
    assert_eq!(code(world.delete_role("r").await), "NoSuchEntity");
}

#[tokio::test]
async fn what_cannot_be_attached_is_refused() {
    let world = World::new();
    world.role("r").await;
    for (arn, code_, words) in [
        ("longpolicynamebutnoarn", "ValidationError", "Invalid ARN:  Could not be parsed!"),
        ("arn:aws:iam::aws:policy/NoSuchThing", "NoSuchEntity", "does not exist or is not attachable."),
        ("arn:aws:iam::000000000000:policy/none", "NoSuchEntity", "does not exist or is not attachable."),
    ] {
        let error = world.attach("r", arn).await.unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert_eq!(code(Err::<(), _>(error)), code_);
    }
    let arn = world.policy("p").await;
    for n in 0..24 {
        let arn = world.policy(&format!("p{n}")).await;
        world.attach("r", &arn).await.unwrap();
    }
    world.attach("r", BASIC).await.unwrap();
    assert_eq!(
        world.attach("r", &arn).await.unwrap_err().message,
        "Cannot exceed quota for PoliciesPerRole: 25"
    );
}

#[tokio::test]
async fn a_bad_trust_policy_changes_nothing() {
    let world = World::new();
    world.role("r").await;
    let bad = r#"{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:role/none"}}]}"#;
    let error = world.try_role("s", bad).await.unwrap_err();
    assert!(error.message.starts_with("Invalid principal in policy: \"AWS\""), "{error}");
    let anew =
        |document: String| UpdateAssumeRolePolicyRequest { role_name: "r".into(), policy_document: document };
    let error = world.iam.update_assume_role_policy(&world.ctx, anew("{".into())).await.unwrap_err();
    assert_eq!(error.message, "This policy contains invalid Json");
    assert!(world.get_role("r").await.unwrap().assume_role_policy_document.unwrap().contains("lambda"));
    // A role that is there may be trusted.
    let good = bad.replace("role/none", "role/r");
    world.iam.update_assume_role_policy(&world.ctx, anew(good)).await.unwrap();
    assert!(world.get_role("r").await.unwrap().assume_role_policy_document.unwrap().contains("role%2Fr"));
}

#[tokio::test]
async fn lists_go_on_where_they_stopped() {
    let world = World::new();
    for n in 0..7 {
        world.role(&format!("r{n}")).await;
    }
    let (mut names, mut marker) = (Vec::new(), None);
    loop {
        let input = ListRolesRequest { max_items: Some(3), marker, ..Default::default() };
        let page = world.restart().iam.list_roles(&world.ctx, input).await.unwrap();
        assert_eq!(page.is_truncated, Some(page.marker.is_some()));
        names.extend(page.roles.into_iter().map(|role| role.role_name));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(names, ["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
    let input = ListRolesRequest { marker: Some("forged".into()), ..Default::default() };
    assert_eq!(code(world.iam.list_roles(&world.ctx, input).await), "ValidationError");
}

#[tokio::test]
async fn accounts_see_their_own_and_regions_the_same() {
    let mut world = World::new();
    world.role("r").await;
    world.ctx.region = "us-west-2".into();
    world.get_role("r").await.unwrap();
    world.ctx.account = "111111111111".into();
    assert_eq!(code(world.get_role("r").await), "NoSuchEntity");
}

#[tokio::test]
async fn at_once_only_one_gets_a_name() {
    let world = World::new();
    let mut made = 0;
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (iam, ctx) = (world.iam.clone(), world.ctx.clone());
        set.spawn(async move {
            let input = CreateRoleRequest {
                role_name: "r".into(),
                assume_role_policy_document: TRUST.into(),
                ..Default::default()
            };
            iam.create_role(&ctx, input).await.is_ok()
        });
    }
    while let Some(result) = set.join_next().await {
        made += u32::from(result.unwrap());
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn roles_linked_to_a_service_are_the_services_own() {
    let world = World::new();
    let input = CreateServiceLinkedRoleRequest {
        aws_service_name: "batch.amazonaws.com".into(),
        ..Default::default()
    };
    let role = world.iam.create_service_linked_role(&world.ctx, input.clone()).await.unwrap().role.unwrap();
    assert_eq!(
        role.arn,
        "arn:aws:iam::000000000000:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    );
    assert_eq!(code(world.iam.create_service_linked_role(&world.ctx, input).await), "InvalidInput");
    assert_eq!(code(world.delete_role("AWSServiceRoleForBatch").await), "UnmodifiableEntity");
    assert_eq!(code(world.attach("AWSServiceRoleForBatch", BASIC).await), "UnmodifiableEntity");
    let input = CreateServiceLinkedRoleRequest {
        aws_service_name: "batch.amazonaws.com".into(),
        custom_suffix: Some("x".into()),
        ..Default::default()
    };
    let error = world.iam.create_service_linked_role(&world.ctx, input).await.unwrap_err();
    assert_eq!(error.message, "Custom suffix is not allowed for batch.amazonaws.com");
    let input = DeleteServiceLinkedRoleRequest { role_name: "AWSServiceRoleForBatch".into() };
    let task = world.iam.delete_service_linked_role(&world.ctx, input).await.unwrap().deletion_task_id;
    let ask = |task: String| {
        let input = GetServiceLinkedRoleDeletionStatusRequest { deletion_task_id: task };
        world.iam.get_service_linked_role_deletion_status(&world.ctx, input)
    };
    assert_eq!(ask(task).await.unwrap().status, "SUCCEEDED");
    assert_eq!(code(ask("task/aws-service-role/x/y/z".into()).await), "NoSuchEntity");
}
