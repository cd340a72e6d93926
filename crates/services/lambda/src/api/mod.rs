//! The operations, one file per group of verbs. This file is the trait's implementation and nothing else: each line
//! hands on to its group.

use moln_wire::Hooks;

use crate::Lambda;

impl Hooks for Lambda {}

impl crate::model::Lambda for Lambda {}
