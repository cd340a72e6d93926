//! Which events of a bucket are told to whom.

use moln_kernel::{ApiError, Context, ports::QueueMessage};
use serde_json::json;

use crate::{
    Buckets,
    bucket::Bucket,
    errors,
    model::{
        GetBucketNotificationConfigurationRequest, NotificationConfiguration,
        PutBucketNotificationConfigurationRequest,
    },
    notification::check,
    tables::configuration::Kind,
};

impl Buckets {
    pub(crate) async fn set_notifications(
        &self,
        ctx: &Context,
        input: PutBucketNotificationConfigurationRequest,
    ) -> Result<(), ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let mut set = input.notification_configuration;
        check::check(&mut set)?;
        let nothing = set.queue_configurations.is_none()
            && set.topic_configurations.is_none()
            && set.lambda_function_configurations.is_none()
            && set.event_bridge_configuration.is_none();
        if nothing {
            return self.set_bytes(&bucket, Kind::Notification, "", None).await;
        }
        self.check_targets(ctx, &bucket, &set, input.skip_destination_validation == Some(true)).await?;
        self.set(&bucket, Kind::Notification, Some(&set)).await
    }

    /// Refuses targets that are not there or do not let the bucket in; tells queues and topics that they will hear more.
    async fn check_targets(
        &self,
        ctx: &Context,
        bucket: &Bucket,
        set: &NotificationConfiguration,
        skip: bool,
    ) -> Result<(), ApiError> {
        let absent = |what: &str| ApiError::not_implemented("S3", &format!("notifications to {what}"));
        let source = format!("arn:aws:s3:::{}", bucket.name);
        let mut refused: Vec<(String, String)> = Vec::new();
        let test = json!({
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": moln_wire::time::format(ctx.now, moln_wire::schema::TimestampFormat::DateTime),
            "Bucket": bucket.name,
            "RequestId": ctx.request_id.as_str(),
            "HostId": moln_wire::server::host_id(&ctx.request_id),
        })
        .to_string();
        for one in set.lambda_function_configurations.iter().flatten() {
            let functions = self.functions.get().ok_or_else(|| absent("Lambda"))?;
            let arn = &one.lambda_function_arn;
            if !skip && !matches!(functions.may_invoke(ctx, arn, "s3.amazonaws.com", &source).await, Ok(true))
            {
                refused.push((format!("{arn}, null"), format!("Not authorized to invoke function [{arn}]")));
            }
        }
        for one in set.queue_configurations.iter().flatten() {
            let queues = self.ports.queues.as_ref().ok_or_else(|| absent("SQS"))?;
            let message = QueueMessage { body: test.clone(), ..QueueMessage::default() };
            if !skip && let Err(why) = queues.send(ctx, &one.queue_arn, message).await {
                let words = if why.code == "QueueDoesNotExist" {
                    "The destination queue does not exist"
                } else {
                    "Permissions on the destination queue do not allow S3 to publish notifications from this bucket"
                };
                refused.push((one.queue_arn.clone(), words.into()));
            }
        }
        for one in set.topic_configurations.iter().flatten() {
            let topics = self.ports.topics.as_ref().ok_or_else(|| absent("SNS"))?;
            let told = topics.publish(
                ctx,
                &one.topic_arn,
                Some("Amazon S3 Notification"),
                test.clone(),
                std::collections::BTreeMap::new(),
            );
            if !skip && let Err(why) = told.await {
                let words = if why.code.contains("NotFound") {
                    "The destination topic does not exist"
                } else {
                    "Permissions on the destination topic do not allow S3 to publish notifications from this bucket"
                };
                refused.push((one.topic_arn.clone(), words.into()));
            }
        }
        if set.event_bridge_configuration.is_some() && self.ports.buses.is_none() {
            return Err(absent("EventBridge"));
        }
        if refused.is_empty() {
            return Ok(());
        }
        let mut error = errors::other(
            400,
            "InvalidArgument",
            "Unable to validate the following destination configurations",
        );
        for ((name, value), (target, words)) in ARGUMENTS.into_iter().zip(refused) {
            error = errors::with(errors::with(error, name, target), value, words);
        }
        Err(error)
    }

    pub(crate) fn notifications(
        &self,
        ctx: &Context,
        input: &GetBucketNotificationConfigurationRequest,
    ) -> Result<NotificationConfiguration, ApiError> {
        let bucket = self.own_bucket(ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        Ok(bucket.setting(Kind::Notification)?.unwrap_or_default())
    }
}

/// The members under which an error names what was refused.
const ARGUMENTS: [(&str, &str); 5] = [
    ("ArgumentName1", "ArgumentValue1"),
    ("ArgumentName2", "ArgumentValue2"),
    ("ArgumentName3", "ArgumentValue3"),
    ("ArgumentName4", "ArgumentValue4"),
    ("ArgumentName5", "ArgumentValue5"),
];
