//! Generates the API types, the trait and the model.

fn main() {
    moln_codegen::build("ecr");
}
