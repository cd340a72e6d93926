//! Drift: whether what a stack made is still there, and still as the template says. Of a type whose handler does not tell
//! nothing is claimed (`NOT_CHECKED`, as AWS says of types without drift detection).

use moln_kernel::{ApiError, Context, Timestamp, ids::Uuid};
use serde_json::Value;

use crate::{
    Stacks, core,
    drift::{Difference, compared, differences},
    dynamic::references,
    errors::validation,
    limits,
    model::{
        DescribeStackDriftDetectionStatusInput, DescribeStackDriftDetectionStatusOutput,
        DescribeStackResourceDriftsInput, DescribeStackResourceDriftsOutput, DetectStackDriftInput,
        DetectStackDriftOutput, DetectStackResourceDriftInput, DetectStackResourceDriftOutput,
        PropertyDifference, StackResourceDrift,
    },
    own::Maker,
    tables::{DRIFTS, DriftRow, RESOURCES, ResourceRow, StackRow},
};

/// Nobody has looked, or nobody can tell.
const NOT_CHECKED: &str = "NOT_CHECKED";

fn has_drifted(status: &str) -> bool {
    matches!(status, "DELETED" | "MODIFIED")
}

fn told(stack: &StackRow, row: &ResourceRow) -> StackResourceDrift {
    let (status, at) = row.drift.clone().unwrap_or_else(|| (NOT_CHECKED.to_owned(), 0));
    let told = |one: Difference| PropertyDifference {
        property_path: one.path,
        expected_value: one.expected,
        actual_value: one.actual,
        difference_type: one.kind.to_owned(),
    };
    let differ = row.live.as_ref().map(|live| differences(&row.properties, live));
    StackResourceDrift {
        actual_properties: row.live.as_ref().map(Value::to_string),
        property_differences: differ.map(|all| all.into_iter().map(told).collect()),
        stack_id: stack.id.clone(),
        logical_resource_id: row.logical_id.clone(),
        physical_resource_id: Some(row.physical_id.clone()),
        resource_type: row.type_name.clone(),
        expected_properties: Some(row.properties.to_string()),
        stack_resource_drift_status: status,
        timestamp: Timestamp(at),
        ..StackResourceDrift::default()
    }
}

impl Stacks {
    /// Looks at resources, and notes what was found.
    async fn look(
        &self,
        ctx: &Context,
        stack: &StackRow,
        which: Option<&[String]>,
    ) -> Result<Vec<ResourceRow>, ApiError> {
        if stack.is_busy() || stack.status == "DELETE_COMPLETE" || stack.status == "REVIEW_IN_PROGRESS" {
            return Err(validation(format!(
                "Stack [{}] is in a state ({}) in which drift cannot be detected",
                stack.name, stack.status
            )));
        }
        let mut rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        rows.retain(|row| !row.physical_id.is_empty() && row.status != "DELETE_COMPLETE");
        rows.retain(|row| which.is_none_or(|which| which.contains(&row.logical_id)));
        let now = self.clock.now().millis();
        for row in &mut rows {
            let (status, live) = self.found(ctx, row).await?;
            row.drift = Some((status.to_owned(), now));
            row.live = live;
        }
        let found = rows.clone();
        self.change(|snapshot, batch| {
            for row in &found {
                let key = [stack.uid.as_str(), &row.logical_id];
                if let Some(mut current) = RESOURCES.get(snapshot, &key)? {
                    current.drift.clone_from(&row.drift);
                    current.live.clone_from(&row.live);
                    RESOURCES.put(batch, &key, &current)?;
                }
            }
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// How a resource stands, and what properties it has.
    async fn found(
        &self,
        ctx: &Context,
        row: &ResourceRow,
    ) -> Result<(&'static str, Option<Value>), ApiError> {
        let Some(Maker::Handler(handler)) = self.maker(&row.type_name) else {
            return Ok((NOT_CHECKED, None));
        };
        if handler.read(ctx, &row.physical_id).await?.is_none() {
            return Ok(("DELETED", None));
        }
        let Some(live) = handler.live(ctx, &row.physical_id, &row.properties).await? else {
            return Ok((NOT_CHECKED, None));
        };
        // What a reference stands for is neither told nor compared.
        let mut live = compared(&row.properties, &live);
        if let Some(members) = live.as_object_mut() {
            members.retain(|name, _| {
                let mut found = Vec::new();
                if let Some(written) = row.properties.get(name) {
                    references(written, "", &mut found);
                }
                found.is_empty()
            });
        }
        let same = differences(&row.properties, &live).is_empty();
        Ok((if same { "IN_SYNC" } else { "MODIFIED" }, Some(live)))
    }

    pub(super) async fn detect(
        &self,
        ctx: &Context,
        input: DetectStackDriftInput,
    ) -> Result<DetectStackDriftOutput, ApiError> {
        let stack = self.stack(ctx, &input.stack_name)?;
        let rows = self.look(ctx, &stack, input.logical_resource_ids.as_deref()).await?;
        let drifted =
            rows.iter().filter(|row| row.drift.as_ref().is_some_and(|(s, _)| has_drifted(s))).count();
        let detection = DriftRow {
            id: Uuid::random().to_string(),
            stack_id: stack.id.clone(),
            at: self.clock.now().millis(),
            status: if drifted > 0 { "DRIFTED" } else { "IN_SYNC" }.to_owned(),
            drifted: i32::try_from(drifted).unwrap_or(i32::MAX),
        };
        let id = detection.id.clone();
        self.change_stack(ctx, &stack.id, |stack, batch| {
            stack.drift = Some((detection.status.clone(), detection.at));
            DRIFTS.put(batch, &[&stack.account, &stack.region, &detection.id], &detection)
        })
        .await?;
        Ok(DetectStackDriftOutput { stack_drift_detection_id: id })
    }

    pub(super) async fn detect_one(
        &self,
        ctx: &Context,
        input: DetectStackResourceDriftInput,
    ) -> Result<DetectStackResourceDriftOutput, ApiError> {
        let stack = self.stack(ctx, &input.stack_name)?;
        let which = [input.logical_resource_id];
        let rows = self.look(ctx, &stack, Some(&which)).await?;
        let [logical] = which;
        let row = rows.first().ok_or_else(|| {
            validation(format!("Resource {logical} does not exist for stack {}", stack.name))
        })?;
        Ok(DetectStackResourceDriftOutput { stack_resource_drift: told(&stack, row) })
    }

    pub(super) fn detection(
        &self,
        ctx: &Context,
        input: &DescribeStackDriftDetectionStatusInput,
    ) -> Result<DescribeStackDriftDetectionStatusOutput, ApiError> {
        let id = &input.stack_drift_detection_id;
        let key = [ctx.account.as_str(), ctx.region.as_str(), id];
        let row = DRIFTS.get(&*self.store.snapshot(), &key)?;
        let row = row.ok_or_else(|| validation(format!("Drift detection {id} does not exist")))?;
        Ok(DescribeStackDriftDetectionStatusOutput {
            stack_id: row.stack_id,
            stack_drift_detection_id: row.id,
            stack_drift_status: Some(row.status),
            detection_status: "DETECTION_COMPLETE".to_owned(),
            detection_status_reason: None,
            drifted_stack_resource_count: Some(row.drifted),
            timestamp: Timestamp(row.at),
        })
    }

    pub(super) fn drifts(
        &self,
        ctx: &Context,
        input: &DescribeStackResourceDriftsInput,
    ) -> Result<DescribeStackResourceDriftsOutput, ApiError> {
        let stack = self.stack(ctx, &input.stack_name)?;
        let filter = input.stack_resource_drift_status_filters.clone().unwrap_or_default();
        let mut rows = core::resources(&*self.store.snapshot(), &stack.uid)?;
        rows.retain(|row| {
            // Types that do not tell are left out, as those that nobody has looked at.
            let is_asked_for = |status: &String| filter.is_empty() || filter.contains(status);
            row.drift.as_ref().is_some_and(|(status, _)| status != NOT_CHECKED && is_asked_for(status))
        });
        let size = input.max_results.and_then(|size| usize::try_from(size).ok()).unwrap_or(limits::PAGE);
        let filter = filter.join(",");
        let scope = ["DescribeStackResourceDrifts", stack.uid.as_str(), &filter];
        let (page, next_token) = self.page(rows, &scope, input.next_token.as_deref(), size)?;
        let drifts = page.iter().map(|row| told(&stack, row)).collect();
        Ok(DescribeStackResourceDriftsOutput { stack_resource_drifts: drifts, next_token })
    }
}
