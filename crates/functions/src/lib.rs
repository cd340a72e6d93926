//! Execution environments: what runs a function's code.
