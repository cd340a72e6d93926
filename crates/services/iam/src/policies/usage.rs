//! Who uses a managed policy.

use std::collections::HashMap;

use moln_kernel::ApiError;

use crate::{
    core::View,
    tables::{EntityRow, Kind},
};

/// The kinds that policies are attached to.
pub(crate) const HOLDERS: [Kind; 3] = [Kind::Role, Kind::User, Kind::Group];

/// How often each policy of an account is used.
#[derive(Default)]
pub(crate) struct Usage {
    attached: HashMap<String, i32>,
    bounding: HashMap<String, i32>,
}

impl Usage {
    /// Counts over all entities.
    pub(crate) fn count(view: &View<'_>) -> Result<Self, ApiError> {
        let mut usage = Self::default();
        for kind in HOLDERS {
            for row in view.list(kind)? {
                usage.add(row);
            }
        }
        Ok(usage)
    }

    fn add(&mut self, row: EntityRow) {
        for arn in row.attached {
            *self.attached.entry(arn).or_default() += 1;
        }
        if let Some(arn) = row.boundary {
            *self.bounding.entry(arn).or_default() += 1;
        }
    }

    /// Entities it is attached to.
    pub(crate) fn attached(&self, arn: &str) -> i32 {
        self.attached.get(arn).copied().unwrap_or(0)
    }

    /// Entities whose boundary it is.
    pub(crate) fn bounding(&self, arn: &str) -> i32 {
        self.bounding.get(arn).copied().unwrap_or(0)
    }
}
