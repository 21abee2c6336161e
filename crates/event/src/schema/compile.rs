//! From the text of a schema to its nodes, or to the first place that is wrong.

mod apply;
mod assert;
mod graph;
mod identify;
mod read;
mod unknown;

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use self::identify::Reference;
use super::document::{At, Content, Document, ROOT};
use super::fault::SchemaFault;
use super::identity::Identities;
use super::node::{Combination, Node, NodeId};
use super::pattern::Pattern;
use super::{NESTING_MAX, PATTERNS_BYTES_MAX, PATTERNS_MAX, SCHEMA_BYTES_MAX};
use crate::judge::number;

/// Compiles a text.
pub(super) fn compile(text: &str) -> Result<Vec<Node>, SchemaFault> {
    if text.len() > SCHEMA_BYTES_MAX {
        let reason = format!("expected at most {SCHEMA_BYTES_MAX} bytes, found {}", text.len());
        return Err(SchemaFault { path: String::new(), reason });
    }
    let document = Document::read(text).map_err(|error| {
        let (line, column) = crate::json::place(text.as_bytes(), error.offset);
        let reason = format!("line {line}, column {column}: {}", error.reason);
        SchemaFault { path: String::new(), reason }
    })?;
    check_texts(&document)?;
    let mut compiler = Compiler::new(&document);
    compiler.schema(ROOT, 0)?;
    compiler.resolve()?;
    graph::check(&compiler)?;
    Ok(compiler.nodes)
}

/// Refuses what reads as one thing here and as another elsewhere: keys that stand twice, numbers and texts that no event can hold.
fn check_texts(document: &Document<'_>) -> Result<(), SchemaFault> {
    let fault = |at, reason: String| Err(SchemaFault { path: document.pointer(at), reason });
    if let Some((at, _)) = document.unstorable() {
        return fault(
            at,
            "expected a text without U+0000 and halves of surrogate pairs, as events hold none, found one"
                .to_owned(),
        );
    }
    for at in 0..document.len() {
        if let Content::Number(written) = document.content(at)
            && let Some(reason) = number::fault(written.text())
        {
            return fault(at, format!("{reason}, found {}", document.shown(at)));
        }
        let mut keys = HashSet::new();
        if let Content::Object(_) = document.content(at)
            && let Some((_, twice)) = document.members(at).find(|(key, _)| !keys.insert(*key))
        {
            return fault(twice, "expected each key once in an object, found it again".to_owned());
        }
    }
    Ok(())
}

/// Goes through a schema and makes its nodes.
pub(super) struct Compiler<'a> {
    document: &'a Document<'a>,
    nodes: Vec<Node>,
    /// Where each node stands in the document.
    places: Vec<At>,
    node_at: HashMap<At, NodeId>,
    anchors: HashMap<&'a str, At>,
    references: Vec<Reference>,
    patterns: HashMap<&'a str, Arc<Pattern>>,
    identities: OnceCell<Identities>,
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Document<'a>) -> Self {
        Self {
            document,
            nodes: Vec::new(),
            places: Vec::new(),
            node_at: HashMap::new(),
            anchors: HashMap::new(),
            references: Vec::new(),
            patterns: HashMap::new(),
            identities: OnceCell::new(),
        }
    }

    fn fault<T>(&self, at: At, reason: impl Into<String>) -> Result<T, SchemaFault> {
        Err(SchemaFault { path: self.document.pointer(at), reason: reason.into() })
    }

    /// Compiles the schema at a place.
    fn schema(&mut self, at: At, level: usize) -> Result<NodeId, SchemaFault> {
        if level > NESTING_MAX {
            return self.fault(at, format!("expected schemas nested at most {NESTING_MAX} deep, found more"));
        }
        let id = self.nodes.len();
        self.nodes.push(Node::default());
        self.places.push(at);
        self.node_at.insert(at, id);
        match self.document.content(at) {
            Content::Boolean(true) => {}
            Content::Boolean(false) => self.nodes[id].never = true,
            Content::Object(_) => {
                let node = self.keywords(at, id, level)?;
                self.nodes[id] = node;
            }
            _ => return self.unexpected(at, "a schema (an object or a boolean)"),
        }
        Ok(id)
    }

    fn keywords(&mut self, at: At, id: NodeId, level: usize) -> Result<Node, SchemaFault> {
        let document = self.document;
        let mut node = Node::default();
        for (keyword, value) in document.members(at) {
            let known = self.assertion(keyword, value, &mut node)?
                || self.applicator(keyword, value, level + 1, &mut node)?
                || self.identifier(keyword, value, level + 1, id)?
                || self.annotation(keyword, value)?
                || keyword.starts_with("x-");
            if !known {
                return self.fault(value, unknown::reason(keyword));
            }
        }
        self.partners(at)?;
        Ok(node)
    }

    /// Refuses keywords that check nothing without another, where that is missing.
    fn partners(&self, at: At) -> Result<(), SchemaFault> {
        let has = |keyword| self.document.member(at, keyword).is_some();
        for (alone, partners) in [
            ("minContains", &["contains"][..]),
            ("maxContains", &["contains"]),
            ("then", &["if"]),
            ("else", &["if"]),
            ("if", &["then", "else"]),
        ] {
            if let Some(value) = self.document.member(at, alone)
                && !partners.iter().any(|partner| has(*partner))
            {
                let expected = partners.join("` or `");
                let reason =
                    format!("expected `{expected}` beside `{alone}`, which checks nothing alone, found none");
                return self.fault(value, reason);
            }
        }
        Ok(())
    }

    fn annotation(&self, keyword: &str, value: At) -> Result<bool, SchemaFault> {
        match keyword {
            "title" | "description" | "$comment" => self.string(value).map(|_| true),
            "deprecated" | "readOnly" | "writeOnly" => self.boolean(value).map(|_| true),
            "examples" => self.elements(value, "an array").map(|_| true),
            "default" => Ok(true),
            _ => Ok(false),
        }
    }

    /// Compiles the pattern that a text at a place is, or a key.
    fn pattern(&mut self, at: At, source: &'a str) -> Result<Arc<Pattern>, SchemaFault> {
        if let Some(known) = self.patterns.get(source) {
            return Ok(Arc::clone(known));
        }
        if self.patterns.len() == PATTERNS_MAX {
            return self.fault(at, format!("expected at most {PATTERNS_MAX} different patterns, found more"));
        }
        let used: usize = self.patterns.values().map(|pattern| pattern.bytes()).sum();
        let pattern = match Pattern::compile(source, PATTERNS_BYTES_MAX.saturating_sub(used)) {
            Ok(pattern) => Arc::new(pattern),
            Err(reason) => return self.fault(at, reason),
        };
        self.patterns.insert(source, Arc::clone(&pattern));
        Ok(pattern)
    }
}

fn combination(node: &mut Node) -> &mut Combination {
    node.combination.get_or_insert_default()
}
