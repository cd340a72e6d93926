//! What can happen to an object.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>

/// A type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    CreatedPut,
    CreatedPost,
    CreatedCopy,
    CreatedMultipart,
    RemovedDelete,
    RemovedMarker,
    AclPut,
    TaggingPut,
    TaggingDelete,
    ExpirationDelete,
    ExpirationMarker,
    Transition,
    RestorePost,
    RestoreCompleted,
    RestoreDelete,
    ReplicationFailed,
}

/// Every name a configuration may use. Never happen here: lost objects, moves between tiers, annotations, and replicas that
/// come later than a quarter of an hour.
const NAMES: [&str; 30] = [
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAnnotation:Delete",
    "s3:ObjectAnnotation:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// Whether a configuration may use the name.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

impl Event {
    /// `ObjectCreated:Put`, as records have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CreatedPut => "ObjectCreated:Put",
            Self::CreatedPost => "ObjectCreated:Post",
            Self::CreatedCopy => "ObjectCreated:Copy",
            Self::CreatedMultipart => "ObjectCreated:CompleteMultipartUpload",
            Self::RemovedDelete => "ObjectRemoved:Delete",
            Self::RemovedMarker => "ObjectRemoved:DeleteMarkerCreated",
            Self::AclPut => "ObjectAcl:Put",
            Self::TaggingPut => "ObjectTagging:Put",
            Self::TaggingDelete => "ObjectTagging:Delete",
            Self::ExpirationDelete => "LifecycleExpiration:Delete",
            Self::ExpirationMarker => "LifecycleExpiration:DeleteMarkerCreated",
            Self::Transition => "LifecycleTransition",
            Self::RestorePost => "ObjectRestore:Post",
            Self::RestoreCompleted => "ObjectRestore:Completed",
            Self::RestoreDelete => "ObjectRestore:Delete",
            Self::ReplicationFailed => "Replication:OperationFailedReplication",
        }
    }

    /// Whether a name in a configuration means it: `s3:ObjectCreated:*` means four.
    pub(crate) fn is(self, name: &str) -> bool {
        let Some(name) = name.strip_prefix("s3:") else { return false };
        match name.strip_suffix('*') {
            Some(group) => self.name().starts_with(group),
            None => self.name() == name,
        }
    }

    /// Version of the record's form.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::AclPut
            | Self::TaggingPut
            | Self::TaggingDelete
            | Self::ExpirationDelete
            | Self::ExpirationMarker
            | Self::Transition
            | Self::RestoreDelete => "2.3",
            Self::ReplicationFailed => "2.2",
            _ => "2.1",
        }
    }

    /// Whether the object itself changed, so that the record carries a sequencer.
    pub(crate) fn is_sequenced(self) -> bool {
        !matches!(self, Self::AclPut | Self::TaggingPut | Self::TaggingDelete)
    }

    /// Whether the record tells the object's size.
    pub(crate) fn tells_size(self) -> bool {
        self.is_sequenced() && !self.is_removal()
    }

    /// Whether the object (or its version) is gone, or hidden, after it.
    pub(crate) fn is_removal(self) -> bool {
        matches!(
            self,
            Self::RemovedDelete | Self::RemovedMarker | Self::ExpirationDelete | Self::ExpirationMarker
        )
    }

    /// On an event bus: its type, and the member that says why. `None`: buses are not told.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
    #[allow(clippy::type_complexity)] // a type, then a member and its value
    pub(crate) fn on_bus(self) -> Option<(&'static str, Option<(&'static str, &'static str)>)> {
        Some(match self {
            Self::CreatedPut => ("Object Created", Some(("reason", "PutObject"))),
            Self::CreatedPost => ("Object Created", Some(("reason", "POST Object"))),
            Self::CreatedCopy => ("Object Created", Some(("reason", "CopyObject"))),
            Self::CreatedMultipart => ("Object Created", Some(("reason", "CompleteMultipartUpload"))),
            Self::RemovedDelete | Self::RemovedMarker => ("Object Deleted", Some(("reason", "DeleteObject"))),
            Self::ExpirationDelete | Self::ExpirationMarker => {
                ("Object Deleted", Some(("reason", "Lifecycle Expiration")))
            }
            Self::AclPut => ("Object ACL Updated", None),
            Self::TaggingPut => ("Object Tags Added", None),
            Self::TaggingDelete => ("Object Tags Deleted", None),
            Self::Transition => ("Object Storage Class Changed", None),
            Self::RestorePost => ("Object Restore Initiated", None),
            Self::RestoreCompleted => ("Object Restore Completed", None),
            Self::RestoreDelete => ("Object Restore Expired", None),
            Self::ReplicationFailed => return None,
        })
    }
}
