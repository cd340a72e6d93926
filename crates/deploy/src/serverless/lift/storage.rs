//! `storage`: a bucket with versions, encrypted and closed.

use serde_json::{Map, Value as Json, json};

use super::{Construct, attribute, logical_id};
use crate::serverless::naming::upper_first;
use crate::serverless::stack::set;

/// What functions may do with the bucket.
const ACTIONS: [&str; 14] = [
    "s3:PutObject",
    "s3:GetObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:GetObjectAcl",
    "s3:PutObjectAcl",
    "s3:GetObjectTagging",
    "s3:PutObjectTagging",
    "s3:DeleteObjectTagging",
    "s3:GetObjectAttributes",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:ListBucketMultipartUploads",
    "s3:RestoreObject",
];

/// What `${construct:}` gives.
pub(super) fn variables(id: &str, public: bool) -> Vec<(&'static str, Json)> {
    let bucket = logical_id(id, &["Bucket"], true);
    let mut variables =
        vec![("bucketArn", attribute(&bucket, "Arn")), ("bucketName", json!({"Ref": bucket}))];
    if public {
        let url = json!({"Fn::Join": ["", ["https://", attribute(&bucket, "RegionalDomainName")]]});
        variables.push(("publicUrl", url));
    }
    variables
}

pub(super) fn make(construct: &mut Construct<'_>) {
    let bucket = construct.resource_id(&["Bucket"]);
    let arn = attribute(&bucket, "Arn");
    let below = |tail: &str| json!({"Fn::Join": ["", [arn, tail]]});
    let acl = construct.json("allowAcl") == Some(json!(true));
    let public = construct.text("publicPath").map(|path| match path.trim_matches('/') {
        "" | "*" => "*".to_owned(),
        prefix => format!("{prefix}/*"),
    });
    let algorithm = if construct.text("encryption").as_deref() == Some("kms") { "aws:kms" } else { "AES256" };
    let closed = public.is_none();
    let mut rules = vec![
        json!({"Status": "Enabled", "Transitions": [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]}),
        json!({"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}),
    ];
    for rule in construct.json("lifecycleRules").as_ref().and_then(Json::as_array).into_iter().flatten() {
        let mut rule = capitals(rule);
        if rule.get("Status").is_none() {
            set(&mut rule, "Status", json!("Enabled"));
        }
        rules.push(rule);
    }
    let mut properties = json!({
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
        ]},
        "LifecycleConfiguration": {"Rules": rules},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": closed || !acl,
            "BlockPublicPolicy": closed,
            "IgnorePublicAcls": true,
            "RestrictPublicBuckets": closed,
        },
        "VersioningConfiguration": {"Status": "Enabled"},
    });
    if acl {
        let owner = json!({"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]});
        set(&mut properties, "OwnershipControls", owner);
    }
    if let Some(cors) = construct.json("cors") {
        let rules = match cors {
            Json::String(origin) => json!([{
                "AllowedOrigins": [origin], "AllowedMethods": ["GET", "PUT", "DELETE"], "AllowedHeaders": ["*"],
            }]),
            rules => capitals(&rules),
        };
        set(&mut properties, "CorsConfiguration", json!({"CorsRules": rules}));
    }
    let mut statements = vec![json!({
        "Action": "s3:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": [arn, below("/*")],
    })];
    if let Some(public) = &public {
        statements.push(json!({
            "Action": "s3:GetObject", "Effect": "Allow", "Principal": {"AWS": "*"},
            "Resource": below(&format!("/{public}")),
        }));
    }
    let everything = json!({"Fn::Join": ["/", [arn, "*"]]});
    construct.statements.push(json!({"Effect": "Allow", "Action": ACTIONS, "Resource": [arn, everything]}));
    construct.add_with_policy(&bucket, "AWS::S3::Bucket", "Retain", properties);
    let policy = construct.resource_id(&["Bucket", "Policy"]);
    let document = json!({"Statement": statements, "Version": "2012-10-17"});
    construct.add(
        &policy,
        "AWS::S3::BucketPolicy",
        json!({"Bucket": {"Ref": bucket}, "PolicyDocument": document}),
    );
    construct.output("BucketName", None, json!({"Ref": bucket}));
    construct.extensible = vec![("bucket", bucket)];
}

/// Keys with a large first letter, all the way down.
fn capitals(value: &Json) -> Json {
    match value {
        Json::Object(members) => members
            .iter()
            .map(|(key, value)| (upper_first(key), capitals(value)))
            .collect::<Map<_, _>>()
            .into(),
        Json::Array(items) => items.iter().map(capitals).collect(),
        other => other.clone(),
    }
}
