//! `samconfig.toml`: what `sam deploy` would be told.
//!
//! Source: <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html>.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::document::{Place, Problem};

/// What the file says of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) stack: Option<String>,
    pub(super) region: Option<String>,
    pub(super) template: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) tags: Vec<(String, String)>,
}

/// Reads the file of a directory; without one there is nothing to say.
pub(super) fn read(dir: &Path, environment: Option<&str>) -> Result<Config, Problem> {
    let file = dir.join("samconfig.toml");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(why) => return Err(Problem::new(format!("cannot be read: {why}")).in_file(&file)),
    };
    parse(&text, environment).map_err(|problem| problem.in_file(&file).code("samconfig"))
}

fn parse(text: &str, environment: Option<&str>) -> Result<Config, Problem> {
    let table: Table = text.parse().map_err(|why: toml::de::Error| {
        let place = why.span().map(|span| place(text, span.start)).unwrap_or_default();
        Problem::new(why.message().to_owned()).placed(place)
    })?;
    let name = environment.unwrap_or("default");
    let Some(of_environment) = table.get(name).and_then(Value::as_table) else {
        return match environment {
            Some(name) => Err(Problem::new(format!("there is no table [{name}]")).path(name)),
            None => Ok(Config::default()),
        };
    };
    // What holds for all commands, under what holds for this one.
    let find = |key: &str| {
        let of = |command: &str| of_environment.get(command)?.get("parameters")?.get(key);
        of("deploy").or_else(|| of("global"))
    };
    let string = |key: &str| find(key).and_then(Value::as_str).map(str::to_owned);
    let pairs = |key: &str| {
        find(key)
            .map_or_else(|| Ok(Vec::new()), pairs)
            .map_err(|text| Problem::new(text).path(format!("{name}.deploy.parameters.{key}")))
    };
    Ok(Config {
        stack: string("stack_name"),
        region: string("region"),
        template: string("template").or_else(|| string("template_file")),
        parameters: pairs("parameter_overrides")?,
        tags: pairs("tags")?,
    })
}

fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    Place { line: count(before.matches('\n').count() + 1), column: count(column + 1) }
}

/// `A=B C="d e"`, a list of such texts, or a table. The command line's older form (`ParameterKey=A,ParameterValue=B`) too.
fn pairs(value: &Value) -> Result<Vec<(String, String)>, String> {
    match value {
        Value::String(text) => words(text).iter().map(|word| pair(word)).collect(),
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().ok_or("must hold texts NAME=VALUE"));
            texts.map(|text| pair(text?)).collect()
        }
        Value::Table(table) => Ok(table.iter().map(|(key, value)| (key.clone(), said(value))).collect()),
        _ => Err("must be a text NAME=VALUE NAME=VALUE, a list of such, or a table".into()),
    }
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(items) => items.iter().map(said).collect::<Vec<_>>().join(","),
        Value::Table(_) => String::new(),
    }
}

fn pair(word: &str) -> Result<(String, String), String> {
    if let Some(rest) = word.strip_prefix("ParameterKey=")
        && let Some((name, value)) = rest.split_once(",ParameterValue=")
    {
        return Ok((name.to_owned(), value.to_owned()));
    }
    let (name, value) = word.split_once('=').ok_or_else(|| format!("'{word}' is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Words between blanks; quotes hold blanks together.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.extend(chars.next()),
            ('"' | '\'', None) => (quote, any) = (Some(c), true),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            (c, _) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Config, parse};

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn commands_and_environments() {
        let text = "version = 0.1\n[default.global.parameters]\nstack_name = \"shop\"\nregion = \"eu-north-1\"\n\
                    [default.deploy.parameters]\nregion = \"eu-west-1\"\n\
                    parameter_overrides = \"A=1 B=\\\"two words\\\" C='' ParameterKey=D,ParameterValue=e\"\ntags = [\"x=y\"]\n\
                    [prod.deploy.parameters]\nstack_name = \"live\"\nparameter_overrides = {A = 2}\n";
        let config = parse(text, None).unwrap();
        assert_eq!((config.stack.as_deref(), config.region.as_deref()), (Some("shop"), Some("eu-west-1")));
        assert_eq!(
            config.parameters,
            [pair("A", "1"), pair("B", "two words"), pair("C", ""), pair("D", "e")]
        );
        assert_eq!(config.tags, [pair("x", "y")]);
        let config = parse(text, Some("prod")).unwrap();
        assert_eq!((config.stack.as_deref(), config.parameters), (Some("live"), vec![pair("A", "2")]));
        assert!(parse(text, Some("test")).unwrap_err().text.contains("no table [test]"));
        assert_eq!(parse("", None).unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        let problem = parse("a = 1\nb = = 2\n", None).unwrap_err();
        assert_eq!(problem.place.unwrap().line, 2);
        let problem = parse("[default.deploy.parameters]\nparameter_overrides = \"A\"\n", None).unwrap_err();
        assert_eq!(
            (problem.path.as_str(), problem.text.as_str()),
            ("default.deploy.parameters.parameter_overrides", "'A' is not NAME=VALUE")
        );
    }
}
