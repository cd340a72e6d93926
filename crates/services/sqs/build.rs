//! Generates the API types, the trait and the model from `models/sqs.json`.

fn main() {
    moln_codegen::build("sqs");
}
