//! A function on AWS's own runtime for Rust.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    if payload == "fail" {
        return Err("on purpose".into());
    }
    if payload == "panic" {
        panic!("out of order");
    }
    println!("saw {payload}");
    Ok(json!({ "event": payload, "id": context.request_id, "arn": context.invoked_function_arn }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handler)).await
}
