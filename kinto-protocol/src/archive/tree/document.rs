//! The YAML of one document as nodes that know their lines.
//!
//! What JSON cannot say is refused here: other types, names that are no texts, the same name twice. So is what would take
//! more memory or depth than its text has a right to.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::Value;

use crate::archive::lines::at_line;
use crate::archive::tree::scalar;
use crate::error::{Error, Result};
use crate::object::JsonMap;

/// How deep lists and maps may be nested: as deep as what can be sent, and what it is in.
const DEEPEST: usize = 128;

/// How many bytes anchors may keep and aliases repeat, with what their nodes take.
const REPEATED: usize = 16 * 1024 * 1024;

/// What a node takes, besides its text.
const NODE: usize = 64;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    pub(super) fn into_value(self) -> Value {
        match self.content {
            Content::Scalar(value) => value,
            Content::List(nodes) => nodes.into_iter().map(Self::into_value).collect(),
            Content::Map(members) => {
                members.into_iter().map(|(name, node)| (name, node.into_value())).collect::<JsonMap>().into()
            }
        }
    }

    /// How much memory it takes, about, and how deep it is.
    fn extent(&self) -> (usize, usize) {
        let all = |extents: &mut dyn Iterator<Item = (usize, usize)>| {
            extents.fold((NODE, 1), |(size, depth), (more, deep)| (size + more, depth.max(deep + 1)))
        };
        match &self.content {
            Content::Scalar(Value::String(text)) => (NODE + text.len(), 0),
            Content::Scalar(_) => (NODE, 0),
            Content::List(nodes) => all(&mut nodes.iter().map(Self::extent)),
            Content::Map(members) => all(&mut members.iter().map(|(name, node)| {
                let (size, depth) = node.extent();
                (size + name.len(), depth)
            })),
        }
    }
}

/// Reads the only document of a text.
pub(super) fn parse(text: &str) -> Result<Node> {
    no_old_breaks(text)?;
    // As the tool does whose files these are.
    let options = granit_parser::options! { block_scalar_eof_without_line_feed: true, emit_comments: false };
    let mut reading = Reading::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            at_line(error.marker().line() as u64)(Error::input(format!("it is no YAML: {}", error.info())))
        })?;
        let line = span.start.line() as u64;
        reading.take(event, line).map_err(at_line(line))?;
    }
    reading.root.ok_or_else(|| Error::input("nothing stands in it"))
}

/// What ends a line in YAML 1.1, where it is folded, and is a character like others in YAML 1.2: ruamel.yaml writes it with
/// spaces behind it that belong to the one and not to the other.
fn no_old_breaks(text: &str) -> Result<()> {
    let Some((at, found)) = text.char_indices().find(|(_, c)| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')) else {
        return Ok(());
    };
    let line = text[..at].matches('\n').count() as u64 + 1;
    let code = u32::from(found);
    let why = format!("U+{code:04X} stands in it, which some readers of YAML take for the end of a line");
    Err(at_line(line)(Error::input(why).hint("write it in double quotes, as \\N, \\L or \\P")))
}

/// A list or a map of which more is to come.
struct Open {
    line: u64,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { members: Vec<(String, Node)>, names: HashSet<String>, next: Option<String> },
}

#[derive(Default)]
struct Reading {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    repeated: usize,
    begun: bool,
    root: Option<Node>,
}

impl Reading {
    fn take(&mut self, event: Event<'_>, line: u64) -> Result<()> {
        match event {
            Event::DocumentStart(..) if std::mem::replace(&mut self.begun, true) => {
                Err(Error::input("a second document begins").hint("one file has one document"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let content = Content::Scalar(self.scalar(&text, style, tag.as_deref())?);
                self.done(Node { line, content }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                only(tag.as_deref(), "seq")?;
                self.begin(line, anchor, Inside::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                only(tag.as_deref(), "map")?;
                let (members, names, next) = (Vec::new(), HashSet::new(), None);
                self.begin(line, anchor, Inside::Map { members, names, next })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { line, anchor, inside }) => {
                    let content = match inside {
                        Inside::List(nodes) => Content::List(nodes),
                        Inside::Map { members, .. } => Content::Map(members),
                    };
                    self.done(Node { line, content }, anchor)
                }
                None => Err(Error::input("something ends that did not begin")),
            },
            Event::Alias(anchor) => self.repeat(anchor, line),
            _ => Ok(()),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value> {
        only(tag, "str")?;
        if style != ScalarStyle::Plain || tag.is_some() {
            return Ok(text.into());
        }
        if text == "<<" && self.awaits_name() {
            let why = "members that are merged from elsewhere (<<) are not read";
            return Err(Error::input(why).hint("write them out, or quote the name if it is one"));
        }
        scalar::plain(text)
    }

    fn awaits_name(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.inside, Inside::Map { next: None, .. }))
    }

    fn begin(&mut self, line: u64, anchor: usize, inside: Inside) -> Result<()> {
        if self.awaits_name() {
            return Err(Error::input("the name of a member must be a text, and here is a list or a map"));
        }
        if self.open.len() == DEEPEST {
            return Err(too_deep());
        }
        self.open.push(Open { line, anchor, inside });
        Ok(())
    }

    /// What an alias stands for, once more.
    fn repeat(&mut self, anchor: usize, line: u64) -> Result<()> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Error::input("an alias stands for what it is in itself"));
        };
        let (size, depth) = node.extent();
        if self.open.len() + depth > DEEPEST {
            return Err(too_deep());
        }
        spend(&mut self.repeated, size)?;
        let node = Node { line, ..node.clone() };
        self.done(node, 0)
    }

    /// A node is complete, and belongs into what is open.
    fn done(&mut self, node: Node, anchor: usize) -> Result<()> {
        if anchor != 0 {
            // What is in others that have anchors too is kept once for each.
            spend(&mut self.repeated, node.extent().0)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(nodes)) => nodes.push(node),
            Some(Inside::Map { members, next, names }) => match (next.take(), node.content) {
                (Some(name), content) => members.push((name, Node { line: node.line, content })),
                (None, Content::Scalar(Value::String(name))) => {
                    if !names.insert(name.clone()) {
                        return Err(Error::input(format!("\"{}\" stands here twice", name.escape_debug())));
                    }
                    *next = Some(name);
                }
                (None, Content::Scalar(other)) => {
                    let why = format!("the name of a member must be a text, and {other} is none");
                    return Err(Error::input(why).hint("quote it"));
                }
                (None, _) => return Err(Error::input("the name of a member must be a text")),
            },
        }
        Ok(())
    }
}

/// The types of JSON are known by how they are written, but for texts that look like others.
fn only(tag: Option<&Tag>, known: &str) -> Result<()> {
    let is_known = |tag: &Tag| tag.is_yaml_core_schema_tag(known) || (known == "str" && is_unspecific(tag));
    match tag {
        Some(tag) if !is_known(tag) => {
            let name = format!("{}{}", tag.handle(), tag.suffix());
            Err(Error::input(format!("JSON has no type for what is tagged \"{}\"", name.escape_debug())))
        }
        _ => Ok(()),
    }
}

/// `!` alone: not what it looks like, but a text.
fn is_unspecific(tag: &Tag) -> bool {
    format!("{}{}", tag.handle(), tag.suffix()) == "!"
}

fn spend(repeated: &mut usize, size: usize) -> Result<()> {
    *repeated += size;
    if *repeated <= REPEATED {
        return Ok(());
    }
    let why = format!("its anchors and aliases repeat more than {REPEATED} bytes");
    Err(Error::input(why).hint("write out what they repeat"))
}

fn too_deep() -> Error {
    Error::input(format!("it is nested deeper than {DEEPEST} levels"))
}
