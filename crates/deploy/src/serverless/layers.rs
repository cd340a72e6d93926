//! Layers of the service.

use std::collections::BTreeMap;

use moln_kernel::encoding::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::naming;
use super::packaging::Packaging;
use super::service::{Service, get, list, text, truthy};
use super::stack::Stack;
use crate::document::{Node, Problem};
use crate::project::SlotShape;

/// What functions must know about the layers: a function that uses one has a new version when the layer changes.
#[derive(Default)]
pub(super) struct Layers {
    settings: BTreeMap<String, String>,
}

impl Layers {
    /// What stands for a layer of this stack, by its logical id.
    pub(super) fn settings(&self, id: &str) -> Option<&str> {
        self.settings.get(id).map(String::as_str)
    }
}

/// Adds every layer.
pub(super) fn add(
    service: &Service<'_>,
    packaging: &Packaging,
    stack: &mut Stack,
) -> Result<Layers, Vec<Problem>> {
    let mut layers = Layers::default();
    let mut problems = Vec::new();
    for entry in service.root.get("layers").and_then(Node::as_mapping).into_iter().flatten() {
        let layer = &entry.value;
        let own = |name: &str| get(layer, name).map(Node::to_json);
        let properties = json!({
            "Content": {},
            "LayerName": text(layer, "name").unwrap_or_else(|| entry.key.clone()),
            "Description": own("description"),
            "LicenseInfo": own("licenseInfo"),
            "CompatibleRuntimes": own("compatibleRuntimes"),
            "CompatibleArchitectures": own("compatibleArchitectures"),
        });
        let Some(package) = packaging.layer_of(&entry.key) else { continue };
        let content = match packaging.fingerprint_of(package) {
            Ok(content) => content,
            Err(why) => {
                problems.push(super::service::problem(&service.root, &format!("layers.{}", entry.key), why));
                continue;
            }
        };
        let settings = format!("{properties}{content}");
        let digest: String = hex(&Sha256::digest(&settings)).chars().take(40).collect();
        let plain = format!("{}LambdaLayer", naming::normalized(&entry.key));
        let retain = truthy(layer, "retain");
        let id = if retain { format!("{plain}{digest}") } else { plain.clone() };
        let policy = retain.then_some("Retain");
        stack.resource(
            &id,
            json!({"Type": "AWS::Lambda::LayerVersion", "DeletionPolicy": policy, "Properties": properties}),
        );
        let shape = SlotShape::Members { bucket: "S3Bucket", key: "S3Key" };
        stack.place(package, format!("/Resources/{id}/Properties/Content"), shape);
        for account in list(layer, "allowedAccounts").iter().filter_map(Node::scalar_text) {
            let digits: String = account.replace('*', "Wild");
            let permission = format!("{}{digits}LambdaLayerPermission", naming::normalized(&entry.key));
            let permission = if retain { format!("{permission}{digest}") } else { permission };
            stack.resource(
                &permission,
                json!({
                    "Type": "AWS::Lambda::LayerVersionPermission",
                    "DeletionPolicy": policy,
                    "Properties": {
                        "Action": "lambda:GetLayerVersion", "LayerVersionArn": {"Ref": id}, "Principal": account,
                    },
                }),
            );
        }
        stack.output(&format!("{plain}QualifiedArn"), "Current Lambda layer version", json!({"Ref": id}));
        stack.output(&format!("{plain}Hash"), "Current Lambda layer hash", json!(digest));
        layers.settings.insert(id, settings);
    }
    if problems.is_empty() { Ok(layers) } else { Err(problems) }
}
