//! `models` refreshes the trimmed API models; `support` prints what is built.

use std::{env, path::PathBuf, process::ExitCode};

use moln_codegen::{Failure, models_directory, support, trim};

const USAGE: &str = "usage: moln-codegen support
       moln-codegen models --from DIRECTORY [NAME…]

support   the table of operations, in Markdown
models    writes models/NAME.json from an unpacked botocore (all present ones without NAME)";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let here = env::current_dir().map_err(|error| Failure(error.to_string()))?;
    let models = models_directory(&here)?;
    let root = models.parent().map_or_else(|| here.clone(), PathBuf::from);
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["support"] => {
            print!("{}", support::table(&support::survey(&root)?));
            Ok(())
        }
        ["models", "--from", from, names @ ..] => {
            let names = if names.is_empty() {
                trim::present(&models)?
            } else {
                names.iter().map(|name| (*name).to_owned()).collect()
            };
            trim::refresh(&PathBuf::from(from), &models, &names)
        }
        _ => Err(Failure(USAGE.to_owned())),
    }
}
