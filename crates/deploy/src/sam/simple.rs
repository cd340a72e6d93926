//! `AWS::Serverless::SimpleTable` and `AWS::Serverless::LayerVersion`.

use serde_json::{Map, Value, json};

use super::hash;
use super::resource::{Made, is_intrinsic, is_set, kept, lambda_code, passed_on, tag_list};
use super::work::{Work, judge_members};

/// A table with one key.
pub(super) fn table(logical: &str, resource: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let properties = resource.get("Properties").and_then(Value::as_object).unwrap_or(&empty);
    let plain =
        ["PointInTimeRecoverySpecification", "ProvisionedThroughput", "SSESpecification", "TableName"];
    let kind = "AWS::Serverless::SimpleTable";
    judge_members(properties, kind, &[plain.as_slice(), &["PrimaryKey", "Tags"]].concat(), &[])?;
    let mut table = Made::new(logical, "AWS::DynamoDB::Table", &kept(resource));
    table.depends_on = resource.get("DependsOn").cloned();
    let (name, key) = match properties.get("PrimaryKey") {
        None => (json!("id"), "S"),
        Some(key) => {
            let name = key.get("Name").ok_or("Property 'PrimaryKey.Name' is required.")?;
            let key =
                key.get("Type").and_then(Value::as_str).ok_or("Property 'PrimaryKey.Type' is required.")?;
            let key = match key {
                "String" => "S",
                "Number" => "N",
                "Binary" => "B",
                other => return Err(format!("Invalid 'Type' \"{other}\".")),
            };
            (name.clone(), key)
        }
    };
    table.set("AttributeDefinitions", json!([{ "AttributeName": name, "AttributeType": key }]));
    table.set("KeySchema", json!([{ "AttributeName": name, "KeyType": "HASH" }]));
    table.copy(properties, &plain);
    if !is_set(properties.get("ProvisionedThroughput")) {
        table.set("BillingMode", "PAY_PER_REQUEST");
    }
    if is_set(properties.get("Tags")) {
        table.set("Tags", tag_list(properties.get("Tags")));
    }
    Ok(vec![table])
}

/// A layer: its logical id has the hash of all that is said of it, so that a change makes a new version.
pub(super) fn layer(work: &mut Work<'_>, logical: &str, resource: &Value) -> Result<Vec<Made>, String> {
    let empty = Map::new();
    let mut properties = resource.get("Properties").and_then(Value::as_object).unwrap_or(&empty).clone();
    let plain = ["LayerName", "Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo"];
    let other = ["ContentUri", "RetentionPolicy", "PublishLambdaVersion"];
    let kind = "AWS::Serverless::LayerVersion";
    judge_members(&properties, kind, &[plain.as_slice(), &other].concat(), &[])?;
    for name in ["LayerName", "LicenseInfo", "Description", "RetentionPolicy"] {
        if let Some(value) = properties.get_mut(name) {
            *value = work.resolved(value);
        }
    }
    let retention = match properties.get("RetentionPolicy") {
        None => None,
        Some(policy) if is_intrinsic(policy) => {
            return Err("'RetentionPolicy' does not accept intrinsic functions, please use one of the following options: \
                        ['Retain', 'Delete']"
                .into());
        }
        Some(policy) => match policy.as_str().map(str::to_lowercase).as_deref() {
            Some("retain") => Some("Retain"),
            Some("delete") => Some("Delete"),
            _ => {
                return Err(
                    "'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].".into()
                );
            }
        },
    };
    let mut said = Map::from_iter([
        ("Type".to_owned(), kind.into()),
        ("Properties".to_owned(), properties.clone().into()),
    ]);
    for name in ["DependsOn", "Condition", "UpdatePolicy"] {
        said.extend(resource.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let id = hash::logical(logical, &json!({ logical: said }));
    let mut layer = Made::new(id, "AWS::Lambda::LayerVersion", &passed_on(resource));
    layer.depends_on = resource.get("DependsOn").cloned();
    if let Some(policy) = retention {
        layer.attributes.insert("DeletionPolicy".into(), policy.into());
    }
    layer.attributes.entry("DeletionPolicy").or_insert_with(|| "Retain".into());
    layer.set("LayerName", logical).copy(&properties, &plain);
    layer.set("Content", lambda_code(properties.get("ContentUri"), "ContentUri")?);
    work.made.renamed.insert(logical.to_owned(), layer.logical.clone());
    Ok(vec![layer])
}
