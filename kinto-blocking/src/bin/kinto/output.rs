//! What goes to standard output, and how.

use std::io::{self, IsTerminal as _, Write};

use clap::ValueEnum;
use kinto_blocking::__YamlText as YamlText;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::{card, table};

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: columns as wide as the terminal
    Table,
    /// One JSON document
    Json,
    /// A line of JSON for each object
    Ndjson,
    /// One YAML document
    Yaml,
    /// With the fields that are named, or else those of the first object
    Csv,
    /// Their ids, a line each
    Id,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How objects are written: a table at a terminal, and else lines of JSON
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Only these fields; in tables and csv in this order
    #[arg(long, global = true, value_delimiter = ',', value_name = "NAMES")]
    fields: Vec<String>,

    /// Shows the request as a command for curl, and sends none but what that depends on
    #[arg(long, global = true)]
    curl: bool,
}

/// Writes objects.
pub(crate) struct Output {
    format: Format,
    fields: Vec<String>,
    curl: bool,
}

impl Output {
    pub(crate) fn new(args: OutputArgs) -> Self {
        let usual = if io::stdout().is_terminal() { Format::Table } else { Format::Ndjson };
        Self { format: args.output.unwrap_or(usual), fields: args.fields, curl: args.curl }
    }

    pub(crate) fn curl(&self) -> bool {
        self.curl
    }

    /// The fields that were asked for.
    pub(crate) fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Writes a list, each as it comes, but for a table, whose columns depend on all of them.
    pub(crate) fn list(
        &self,
        objects: impl Iterator<Item = Result<Map<String, Value>, Failure>>,
    ) -> Result<(), Failure> {
        self.list_with(&[], objects)
    }

    /// The same of things of which a table has these columns, if no others are asked for.
    pub(crate) fn list_with(
        &self,
        usual: &[&str],
        objects: impl Iterator<Item = Result<Map<String, Value>, Failure>>,
    ) -> Result<(), Failure> {
        let mut to = io::BufWriter::new(io::stdout().lock());
        let objects = objects.map(|object| object.map(|object| self.selected(object)));
        match self.format {
            Format::Table => {
                let objects: Vec<_> = objects.collect::<Result<_, _>>()?;
                let usual: Vec<String> = usual.iter().copied().map(str::to_owned).collect();
                let columns = if self.fields.is_empty() { &usual } else { &self.fields };
                write!(to, "{}", table::of_list(&objects, columns))?;
            }
            Format::Ndjson => {
                for object in objects {
                    writeln!(to, "{}", Value::Object(object?))?;
                }
            }
            Format::Json => {
                let mut before = "[";
                for object in objects {
                    write!(to, "{before}\n  {}", indented(&object?.into()))?;
                    before = ",";
                }
                writeln!(to, "{}", if before == "[" { "[]" } else { "\n]" })?;
            }
            Format::Yaml => {
                let all: Vec<Value> = objects.map(|object| object.map(Value::Object)).collect::<Result<_, _>>()?;
                write!(to, "{}", YamlText(&all.into()))?;
            }
            Format::Id => {
                for object in objects {
                    if let Some(id) = object?.get("id").and_then(Value::as_str) {
                        // What moves the cursor is for programs alone.
                        if io::stdout().is_terminal() {
                            writeln!(to, "{}", table::harmless(id))?;
                        } else {
                            writeln!(to, "{id}")?;
                        }
                    }
                }
            }
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(to);
                let mut names = self.fields.clone();
                for (number, object) in objects.enumerate() {
                    let object = object?;
                    if number == 0 {
                        if names.is_empty() {
                            names = table::names(std::slice::from_ref(&object));
                        }
                        csv.write_record(&names).map_err(broken)?;
                    }
                    csv.write_record(names.iter().map(|name| table::plain(object.get(name)))).map_err(broken)?;
                }
                csv.flush()?;
                return Ok(());
            }
        }
        Ok(to.flush()?)
    }

    /// Writes a line.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        Ok(writeln!(io::stdout().lock(), "{line}")?)
    }

    /// Writes one object, and with it what is not among its data.
    pub(crate) fn object(&self, object: Map<String, Value>, beside: &[(&'static str, Value)]) -> Result<(), Failure> {
        let mut to = io::stdout().lock();
        let mut object = self.selected(object);
        match self.format {
            Format::Id | Format::Csv => return self.list([Ok(object)].into_iter()),
            Format::Table => {
                let beside = beside.iter().map(|(name, value)| (*name, value));
                write!(to, "{}", card::of_object(&object, beside))?;
            }
            Format::Json | Format::Ndjson | Format::Yaml => {
                if self.fields.is_empty() {
                    object.extend(beside.iter().map(|(name, value)| (format!("@{name}"), value.clone())));
                }
                let object = Value::Object(object);
                match self.format {
                    Format::Json => writeln!(to, "{object:#}")?,
                    Format::Yaml => write!(to, "{}", YamlText(&object))?,
                    _ => writeln!(to, "{object}")?,
                }
            }
        }
        Ok(to.flush()?)
    }

    fn selected(&self, mut object: Map<String, Value>) -> Map<String, Value> {
        if self.fields.is_empty() || self.format == Format::Id {
            return object;
        }
        self.fields.iter().filter_map(|name| Some((name.clone(), object.remove(name)?))).collect()
    }
}

fn indented(value: &Value) -> String {
    format!("{value:#}").replace('\n', "\n  ")
}

fn broken(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Failure::Local(format!("{other:?}")),
    }
}
