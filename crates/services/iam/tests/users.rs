//! Users, their keys, their groups.
#![allow(clippy::pedantic)]

mod support;

use moln_iam::model::*;
use moln_kernel::{Principal, ports::Credentials as _};
use support::{World, code};

#[tokio::test]
async fn keys_are_found_as_long_as_they_are_active() {
    let world = World::new();
    let user = world.user("Olga").await;
    let key = world.key("olga").await.unwrap();
    assert!(key.access_key_id.starts_with("AKIA") && key.access_key_id.len() == 20);
    let restarted = world.restart();
    let found = restarted.iam.find(&key.access_key_id).unwrap();
    assert_eq!(&*found.secret, key.secret_access_key);
    assert_eq!(found.principal, Principal::Arn("arn:aws:iam::000000000000:user/Olga".into()));
    assert_eq!(&*found.caller.user_id, user.user_id);
    let switch = |status: &str| {
        let input = UpdateAccessKeyRequest {
            user_name: Some("Olga".into()),
            access_key_id: key.access_key_id.clone(),
            status: status.into(),
        };
        world.iam.update_access_key(&world.ctx, input)
    };
    switch("Inactive").await.unwrap();
    assert!(world.iam.find(&key.access_key_id).is_none());
    switch("Active").await.unwrap();
    // A user of another name is the same user.
    let input = UpdateUserRequest {
        user_name: "Olga".into(),
        new_user_name: Some("Helga".into()),
        new_path: Some("/staff/".into()),
    };
    world.iam.update_user(&world.ctx, input).await.unwrap();
    let found = world.iam.find(&key.access_key_id).unwrap();
    assert_eq!(found.principal, Principal::Arn("arn:aws:iam::000000000000:user/staff/Helga".into()));
    let input = DeleteUserRequest { user_name: "Helga".into() };
    assert_eq!(code(world.iam.delete_user(&world.ctx, input.clone()).await), "DeleteConflict");
    let drop =
        DeleteAccessKeyRequest { user_name: Some("Helga".into()), access_key_id: key.access_key_id.clone() };
    world.iam.delete_access_key(&world.ctx, drop).await.unwrap();
    assert!(world.iam.find(&key.access_key_id).is_none());
    world.iam.delete_user(&world.ctx, input).await.unwrap();
}

#[tokio::test]
async fn a_user_has_two_keys_at_most() {
    let world = World::new();
    world.user("u").await;
    world.key("u").await.unwrap();
    world.key("u").await.unwrap();
    assert_eq!(world.key("u").await.unwrap_err().message, "Cannot exceed quota for AccessKeysPerUser: 2");
    let input = ListAccessKeysRequest { user_name: Some("u".into()), ..Default::default() };
    assert_eq!(world.iam.list_access_keys(&world.ctx, input).await.unwrap().access_key_metadata.len(), 2);
}

#[tokio::test]
async fn who_calls_is_who_is_told() {
    let mut world = World::new();
    let get = GetUserRequest { user_name: None };
    let root = world.iam.get_user(&world.ctx, get.clone()).await.unwrap().user;
    assert_eq!(
        (root.user_id.as_str(), root.arn.as_str()),
        ("000000000000", "arn:aws:iam::000000000000:root")
    );
    world.user("u").await;
    world.ctx.principal = Principal::Arn("arn:aws:iam::000000000000:user/u".into());
    assert_eq!(world.iam.get_user(&world.ctx, get.clone()).await.unwrap().user.user_name, "u");
    world.ctx.principal = Principal::Arn("arn:aws:sts::000000000000:assumed-role/r/s".into());
    let error = world.iam.get_user(&world.ctx, get).await.unwrap_err();
    assert_eq!(error.message, "Must specify userName when calling with non-User credentials");
}

#[tokio::test]
async fn groups_hold_users() {
    let world = World::new();
    world.user("u").await;
    for name in ["G", "h"] {
        let input = CreateGroupRequest { group_name: name.into(), path: None };
        world.iam.create_group(&world.ctx, input).await.unwrap();
        let input = AddUserToGroupRequest { group_name: name.into(), user_name: "u".into() };
        world.iam.add_user_to_group(&world.ctx, input).await.unwrap();
    }
    let input =
        UpdateGroupRequest { group_name: "g".into(), new_group_name: Some("Z".into()), new_path: None };
    world.iam.update_group(&world.ctx, input).await.unwrap();
    let input = ListGroupsForUserRequest { user_name: "u".into(), ..Default::default() };
    let groups = world.iam.list_groups_for_user(&world.ctx, input).await.unwrap().groups;
    assert_eq!(groups.iter().map(|group| group.group_name.as_str()).collect::<Vec<_>>(), ["h", "Z"]);
    let input = GetGroupRequest { group_name: "z".into(), ..Default::default() };
    assert_eq!(world.iam.get_group(&world.ctx, input).await.unwrap().users.len(), 1);
    let delete = DeleteGroupRequest { group_name: "z".into() };
    assert_eq!(code(world.iam.delete_group(&world.ctx, delete.clone()).await), "DeleteConflict");
    assert_eq!(
        code(world.iam.delete_user(&world.ctx, DeleteUserRequest { user_name: "u".into() }).await),
        "DeleteConflict"
    );
    let input = RemoveUserFromGroupRequest { group_name: "z".into(), user_name: "u".into() };
    world.iam.remove_user_from_group(&world.ctx, input).await.unwrap();
    world.iam.delete_group(&world.ctx, delete).await.unwrap();
}

#[tokio::test]
async fn an_instance_profile_holds_a_role() {
    let world = World::new();
    world.role("r").await;
    let input = CreateInstanceProfileRequest { instance_profile_name: "p".into(), ..Default::default() };
    world.iam.create_instance_profile(&world.ctx, input).await.unwrap();
    let give = AddRoleToInstanceProfileRequest { instance_profile_name: "p".into(), role_name: "r".into() };
    world.iam.add_role_to_instance_profile(&world.ctx, give.clone()).await.unwrap();
    assert_eq!(code(world.iam.add_role_to_instance_profile(&world.ctx, give).await), "LimitExceeded");
    assert_eq!(code(world.delete_role("r").await), "DeleteConflict");
    let input = ListInstanceProfilesForRoleRequest { role_name: "r".into(), ..Default::default() };
    let profiles =
        world.iam.list_instance_profiles_for_role(&world.ctx, input).await.unwrap().instance_profiles;
    assert_eq!(profiles[0].roles[0].role_name, "r");
    let take =
        RemoveRoleFromInstanceProfileRequest { instance_profile_name: "p".into(), role_name: "r".into() };
    world.iam.remove_role_from_instance_profile(&world.ctx, take).await.unwrap();
    world.delete_role("r").await.unwrap();
}
