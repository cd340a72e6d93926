//! Structures, unions, and how they read and write themselves.

use std::fmt::Write as _;

use super::{Names, has_type, is_required, rust_type, streams};
use crate::{
    Failure,
    model::{Model, Shape},
    names::{field, pascal},
};

const READ: &str = "fn read(reader: &mut dyn ::moln_wire::ShapeReader) -> ::core::result::Result<Self, ::moln_wire::ReadError>";
const WRITE: &str = "fn write(&self, writer: &mut dyn ::moln_wire::ShapeWriter)";

pub(super) fn emit(out: &mut String, model: &Model, names: &Names) -> Result<(), Failure> {
    for (name, shape) in model.shapes.iter().filter(|(name, shape)| has_type(model, name, shape)) {
        if shape.union || shape.eventstream {
            union(out, model, names, name, shape)?;
        } else {
            structure(out, model, names, name, shape)?;
        }
        let _ = writeln!(
            out,
            "impl ::moln_wire::Shape for {} {{\n    fn schema() -> &'static ::moln_wire::Schema {{ &schemas::{} }}\n}}\n",
            names.type_of(name)?,
            names.static_of(name)?
        );
    }
    Ok(())
}

fn structure(
    out: &mut String,
    model: &Model,
    names: &Names,
    name: &str,
    shape: &Shape,
) -> Result<(), Failure> {
    let (of, schema) = (names.type_of(name)?, names.static_of(name)?);
    let derives = if streams(model, shape)? { "Debug, Default" } else { "Clone, Debug, Default, PartialEq" };
    let _ = writeln!(out, "#[derive({derives})]\npub struct {of} {{");
    let (mut arms, mut values) = (String::new(), String::new());
    for (index, (member, target)) in shape.members.iter().enumerate() {
        let (field, plain) = (field(member), rust_type(model, names, target)?);
        let wanted = is_required(shape, member) && !names.recursive.contains(&target.shape);
        let _ = if wanted {
            writeln!(out, "    pub {field}: {plain},")
        } else {
            writeln!(out, "    pub {field}: ::core::option::Option<{plain}>,")
        };
        let _ = writeln!(arms, "                {index} => value.{field} = ::moln_wire::read(reader)?,");
        let _ = write!(values, "&self.{field}, ");
    }
    out.push_str("}\n");
    let body = if arms.is_empty() {
        format!(
            "        reader.structure(&schemas::{schema}, &mut |_, _| ::core::result::Result::Ok(()))?;\n        ::core::result::Result::Ok(Self {{}})"
        )
    } else {
        format!(
            "        let mut value = Self::default();\n        reader.structure(&schemas::{schema}, &mut |index, reader| {{\n            match index {{\n{arms}                _ => {{}}\n            }}\n            ::core::result::Result::Ok(())\n        }})?;\n        ::core::result::Result::Ok(value)"
        )
    };
    let _ = writeln!(out, "impl ::moln_wire::ReadShape for {of} {{\n    {READ} {{\n{body}\n    }}\n}}");
    let _ = writeln!(
        out,
        "impl ::moln_wire::WriteShape for {of} {{\n    {WRITE} {{\n        writer.structure(&schemas::{schema}, &[{}]);\n    }}\n}}",
        values.trim_end_matches(", ")
    );
    Ok(())
}

fn union(out: &mut String, model: &Model, names: &Names, name: &str, shape: &Shape) -> Result<(), Failure> {
    let (of, schema) = (names.type_of(name)?, names.static_of(name)?);
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, Default, PartialEq)]\npub enum {of} {{\n    #[default]\n    Unset,"
    );
    let (mut reads, mut writes) = (String::new(), String::new());
    for (index, (member, target)) in shape.members.iter().enumerate() {
        let (variant, plain) = (pascal(member), rust_type(model, names, target)?);
        let _ = writeln!(out, "    {variant}({plain}),");
        let _ = writeln!(
            reads,
            "                {index} => value = Self::{variant}(::moln_wire::read(reader)?),"
        );
        let _ = writeln!(
            writes,
            "            Self::{variant}(v) => writer.union(&schemas::{schema}, {index}, v),"
        );
    }
    let _ = writeln!(
        out,
        "}}\nimpl ::moln_wire::ReadShape for {of} {{\n    {READ} {{\n        let mut value = Self::Unset;\n        reader.structure(&schemas::{schema}, &mut |index, reader| {{\n            match index {{\n{reads}                _ => {{}}\n            }}\n            ::core::result::Result::Ok(())\n        }})?;\n        ::core::result::Result::Ok(value)\n    }}\n}}"
    );
    let _ = writeln!(
        out,
        "impl ::moln_wire::WriteShape for {of} {{\n    {WRITE} {{\n        match self {{\n            Self::Unset => writer.structure(&schemas::{schema}, &[]),\n{writes}        }}\n    }}\n}}"
    );
    Ok(())
}
