//! Roles linked to a service: the service, its role's name, and the policy of AWS it has.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>

use moln_kernel::{ApiError, Context, ids};
use serde_json::json;

use crate::{
    Iam,
    entity::{self, New, shapes},
    errors::{self, unread},
    limits,
    model::{CreateServiceLinkedRoleRequest, Role},
    tables::{DELETIONS, DeletionRow, Kind, Own},
};

/// A service that has a role of its own in accounts.
struct Linked {
    /// The service's principal.
    service: &'static str,
    /// The role's name; `None`: it is not known here, and such a role cannot be made.
    role: Option<&'static str>,
    /// Whether there may be several, told apart by a suffix.
    suffix: bool,
}

const fn one(service: &'static str, role: &'static str) -> Linked {
    Linked { service, role: Some(role), suffix: false }
}

/// Those whose roles are made by hand or by deployment tools.
const SERVICES: &[Linked] = &[
    one("batch.amazonaws.com", "AWSServiceRoleForBatch"),
    one("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    one("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
    one("elasticache.amazonaws.com", "AWSServiceRoleForElastiCache"),
    one("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    one("ops.apigateway.amazonaws.com", "AWSServiceRoleForAPIGateway"),
    one("opensearchservice.amazonaws.com", "AWSServiceRoleForAmazonOpenSearchService"),
    one("rds.amazonaws.com", "AWSServiceRoleForRDS"),
    one("replication.dynamodb.amazonaws.com", "AWSServiceRoleForDynamoDBReplication"),
    one(
        "dynamodb.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
    ),
    one(
        "lambda.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
    ),
    one("ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService"),
    one("events.amazonaws.com", "AWSServiceRoleForCloudWatchEvents"),
    one("apidestinations.events.amazonaws.com", "AWSServiceRoleForAmazonEventBridgeApiDestinations"),
    Linked { service: "autoscaling.amazonaws.com", role: Some("AWSServiceRoleForAutoScaling"), suffix: true },
    Linked { service: "connect.amazonaws.com", role: Some("AWSServiceRoleForAmazonConnect"), suffix: true },
    Linked { service: "lexv2.amazonaws.com", role: Some("AWSServiceRoleForLexV2Bots"), suffix: true },
];

impl Iam {
    pub(crate) async fn make_linked(
        &self,
        ctx: &Context,
        input: CreateServiceLinkedRoleRequest,
    ) -> Result<Role, ApiError> {
        let service = input.aws_service_name.as_str();
        let known = SERVICES.iter().find(|linked| linked.service == service);
        if input.custom_suffix.is_some() && !known.is_some_and(|linked| linked.suffix) {
            return Err(errors::invalid_input(format!("Custom suffix is not allowed for {service}")));
        }
        let Some(base) = known.and_then(|linked| linked.role) else {
            return Err(ApiError::not_implemented("IAM", &format!("CreateServiceLinkedRole for {service}")));
        };
        let name = match &input.custom_suffix {
            Some(suffix) => format!("{base}_{suffix}"),
            None => base.to_owned(),
        };
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
            }],
        });
        self.change(ctx, |view, batch| {
            if view.find(Kind::Role, &name)?.is_some() {
                return Err(errors::invalid_input(format!(
                    "Service role name {name} has been taken in this account, please try a different suffix."
                )));
            }
            let own = Own::Role {
                trust: trust.to_string(),
                description: input.description,
                max_session: u32::try_from(limits::MAX_SESSION.as_secs()).unwrap_or(3_600),
                service: Some(service.to_owned()),
            };
            let path = Some(format!("/aws-service-role/{service}/"));
            let new =
                New { kind: Kind::Role, name: name.clone(), path, boundary: None, tags: Vec::new(), own };
            let row = entity::create(view, batch, new)?;
            Ok(shapes::new_role(view, &row))
        })
        .await
    }

    /// Deletes the role at once: no service here keeps one in use. Gives the task by which its end can be asked for.
    pub(crate) async fn drop_linked(&self, ctx: &Context, name: &str) -> Result<String, ApiError> {
        self.change(ctx, |view, batch| {
            let row = view.get(Kind::Role, name)?;
            let Own::Role { service: Some(service), .. } = &row.own else {
                return Err(errors::no_such_entity(Kind::Role, name));
            };
            view.remove(batch, Kind::Role, name);
            let task = format!("task/aws-service-role/{service}/{}/{}", row.name, ids::Uuid::random());
            let key = (view.account.to_owned(), task.clone());
            DELETIONS.put(batch, &key, &DeletionRow { ended: view.now.millis() }).map_err(|e| unread(&e))?;
            Ok(task)
        })
        .await
    }

    /// The state of a deletion: it has succeeded when it was answered.
    pub(crate) fn linked_deletion(&self, ctx: &Context, task: &str) -> Result<&'static str, ApiError> {
        self.look(ctx, |view| {
            let key = (view.account.to_owned(), task.to_owned());
            match DELETIONS.get(view.snapshot, &key).map_err(|error| unread(&error))? {
                Some(_) => Ok("SUCCEEDED"),
                None => Err(errors::no_such(format!("The deletion task with id {task} cannot be found."))),
            }
        })
    }
}
