//! Where variables' values come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Variables, moved};
use crate::document::{Dialect, Node, Place, Problem, Value, read_as};
use crate::serverless::lift;

impl Variables<'_> {
    /// What a source gives; none if it has nothing.
    pub(super) fn ask(
        &self,
        kind: &str,
        params: &[Node],
        address: Option<&str>,
        place: Place,
    ) -> Result<Option<Node>, Problem> {
        let string = |text: Option<String>| text.map(|text| Node::string(place, text));
        let needed =
            || address.ok_or_else(|| Problem::new(format!("the variable ${{{kind}:}} needs an address")));
        match kind {
            "self" => Ok(self.own(address.unwrap_or_default(), place)?.map(|node| moved(&node, place))),
            "opt" => Ok(self.option(address, place)),
            "env" => Ok(string(self.env.get(needed()?).cloned())),
            "sls" => match needed()? {
                "stage" => Ok(string(Some(self.stage()))),
                // Changes with every deployment, as the framework's does.
                "instanceId" => Ok(string(Some(self.options.instance.clone()))),
                other => Err(Problem::new(format!(
                    "${{sls:{other}}} does not exist: there are stage and instanceId"
                ))),
            },
            "param" => self.param(needed()?, place),
            "file" => self.file(params, address, place),
            "strToBool" => to_boolean(params, place).map(Some),
            "construct" => lift::variable(&self.root, needed()?, place).map(Some),
            "aws" => match needed()? {
                "region" => Ok(string(Some(self.region()))),
                "accountId" => Ok(string(Some(self.options.account.clone()))),
                other => Err(Problem::new(format!(
                    "${{aws:{other}}} does not exist: there are accountId and region"
                ))),
            },
            "cf" | "ssm" | "s3" => self.outside(kind, params, needed()?, place),
            "git" => Err(Problem::new(
                "${git:} comes from the plugin serverless-plugin-git-variables, which Moln does not run",
            )),
            "output" | "state" => Err(Problem::new(format!(
                "${{{kind}:}} needs Serverless Dashboard, which Moln does not know"
            ))),
            other => Err(Problem::new(format!(
                "\"{other}\" is no source of variables that Moln knows: there are self, opt, env, sls, param, file, strToBool, \
                 construct, aws, cf, ssm and s3"
            ))),
        }
    }

    fn option(&self, address: Option<&str>, place: Place) -> Option<Node> {
        let text = match address? {
            "stage" | "s" => self.options.stage.clone(),
            "region" | "r" => self.options.region.clone(),
            other => self.options.flags.get(other).cloned(),
        };
        text.map(|text| Node::string(place, text))
    }

    /// What was given on the command line, what the stage has, what all stages have.
    fn param(&self, name: &str, place: Place) -> Result<Option<Node>, Problem> {
        if let Some(value) = self.options.params.get(name) {
            return Ok(Some(Node::string(place, value)));
        }
        for stage in [self.stage().as_str(), "default"] {
            if let Some(found) = self.own(&format!("params.{stage}.{name}"), place)? {
                return Ok(Some(moved(&found, place)));
            }
        }
        Ok(None)
    }

    fn file(&self, params: &[Node], address: Option<&str>, place: Place) -> Result<Option<Node>, Problem> {
        let name = params.first().and_then(Node::scalar_text);
        let Some(name) = name else { return Err(Problem::new("${file()} needs a path")) };
        let path = self.dir.join(&name);
        let known = self.files.borrow().get(&path).cloned();
        let content = if let Some(known) = known {
            known
        } else {
            let read = read_file(&name, &path, place)?;
            self.files.borrow_mut().insert(path, read.clone());
            read
        };
        let Some(content) = content else { return Ok(None) };
        let step = format!("file({name}):{}", address.unwrap_or_default());
        if self.chain.borrow().contains(&step) {
            return Err(Problem::new(format!("the file {name} refers to itself in a circle")));
        }
        self.chain.borrow_mut().push(step);
        let found = self.walk(&content, address.unwrap_or_default(), place);
        self.chain.borrow_mut().pop();
        Ok(found?.map(|node| moved(&node, place)))
    }

    fn outside(
        &self,
        kind: &str,
        params: &[Node],
        address: &str,
        place: Place,
    ) -> Result<Option<Node>, Problem> {
        let Some(outside) = self.options.outside else {
            return Err(Problem::new(format!(
                "${{{kind}:{address}}} is looked up in a running Moln, and none is at hand here: name it with --endpoint"
            )));
        };
        let mut words: Vec<String> = params.iter().filter_map(Node::scalar_text).collect();
        let mut flag = |name: &str| {
            let before = words.len();
            words.retain(|word| word != name);
            words.len() < before
        };
        let (raw, no_decrypt) = (flag("raw"), flag("noDecrypt"));
        let region = words.first().filter(|w| !w.is_empty()).cloned().unwrap_or_else(|| self.region());
        let failed =
            |why: String| Problem::new(format!("${{{kind}:{address}}} could not be looked up: {why}"));
        match kind {
            "cf" => {
                let Some((stack, output)) = address.split_once('.') else {
                    return Err(Problem::new(format!("${{cf:{address}}} must be ${{cf:stack.output}}")));
                };
                let found = outside.stack_output(&region, stack, output).map_err(failed)?;
                Ok(found.map(|text| Node::string(place, text)))
            }
            "s3" => {
                let Some((bucket, key)) = address.split_once('/') else {
                    return Err(Problem::new(format!("${{s3:{address}}} must be ${{s3:bucket/key}}")));
                };
                let found = outside.object(&region, bucket, key).map_err(failed)?;
                Ok(found.map(|text| Node::string(place, text)))
            }
            _ => {
                let found = outside.parameter(&region, address, !no_decrypt).map_err(failed)?;
                Ok(found.map(|(kind, text)| match kind.as_str() {
                    "StringList" if !raw => Node::new(
                        place,
                        Value::Sequence(text.split(',').map(|part| Node::string(place, part)).collect()),
                    ),
                    "SecureString" if !raw && text.starts_with('{') => match serde_json::from_str(&text) {
                        Ok(json) => Node::from_json(&json, place),
                        Err(_) => Node::string(place, text),
                    },
                    _ => Node::string(place, text),
                }))
            }
        }
    }
}

fn read_file(name: &str, path: &Path, place: Place) -> Result<Option<Node>, Problem> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    if matches!(extension.as_str(), "js" | "cjs" | "mjs" | "ts") {
        return Err(Problem::new(format!(
            "${{file({name})}} would run a program to find a value; Moln runs none. Write what it gives into a yml or json file"
        )));
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::new(format!("${{file({name})}} cannot be read: {error}"))),
    };
    if !matches!(extension.as_str(), "yml" | "yaml" | "json" | "tfstate") {
        return Ok(Some(Node::string(place, text)));
    }
    read_as(&text, Dialect::Js).map(Some).map_err(|problem| problem.in_file(&PathBuf::from(path)))
}

fn to_boolean(params: &[Node], place: Place) -> Result<Node, Problem> {
    let text = params.first().and_then(Node::scalar_text).unwrap_or_default();
    match text.trim().to_lowercase().as_str() {
        "true" | "1" => Ok(Node::new(place, Value::Bool(true))),
        "false" | "0" => Ok(Node::new(place, Value::Bool(false))),
        _ => Err(Problem::new(format!("${{strToBool({text})}}: true, false, 0 or 1 is expected"))),
    }
}

/// The variables of `.env.STAGE`, or of `.env` if there is none.
pub(super) fn dotenv(dir: &Path, stage: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(dir.join(format!(".env.{stage}")))
        .or_else(|_| std::fs::read_to_string(dir.join(".env")))
        .unwrap_or_default();
    let mut variables = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else { continue };
        if line.starts_with('#') {
            continue;
        }
        let value = value.trim();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        let value = match quote.and_then(|q| value.get(1..)?.find(q).map(|end| (q, end))) {
            Some(('"', end)) => {
                value.get(1..=end).unwrap_or_default().replace("\\n", "\n").replace("\\r", "\r")
            }
            Some((_, end)) => value.get(1..=end).unwrap_or_default().to_owned(),
            None => value.split('#').next().unwrap_or_default().trim_end().to_owned(),
        };
        let value = if quote == Some('\'') { value } else { expanded(&value, &variables) };
        variables.insert(name.trim().to_owned(), value);
    }
    variables
}

/// `$NAME` and `${NAME}` of the variables before.
fn expanded(value: &str, known: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push('$');
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        out.push_str(before);
        let after = after.get(1..).unwrap_or_default();
        let (braced, inner) = after.strip_prefix('{').map_or((false, after), |inner| (true, inner));
        let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let (name, tail) = inner.split_at(end);
        let tail = if braced { tail.strip_prefix('}') } else { Some(tail) };
        match tail {
            Some(tail) if !name.is_empty() => {
                out.push_str(known.get(name).map(String::as_str).unwrap_or_default());
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
