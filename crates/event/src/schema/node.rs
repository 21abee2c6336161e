//! A schema as it is judged by: every subschema a node, which knows others by their number.

use std::collections::HashSet;
use std::sync::Arc;

use super::format::Format;
use super::identity::Identity;
use super::number::{Divisor, Limit};
use super::pattern::Pattern;
use super::types::Types;

/// Which node of a schema. The root is the first.
pub(super) type NodeId = usize;

/// One subschema.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// It is `false`, or there is nothing left that it allows.
    pub(super) never: bool,
    pub(super) types: Option<Types>,
    pub(super) constant: Option<Choice>,
    pub(super) choices: Option<Choice>,
    pub(super) number: Option<Box<NumberRules>>,
    pub(super) string: Option<Box<StringRules>>,
    pub(super) array: Option<Box<ArrayRules>>,
    pub(super) object: Option<Box<ObjectRules>>,
    pub(super) combination: Option<Box<Combination>>,
    /// `unevaluatedProperties`
    pub(super) unevaluated_members: Option<NodeId>,
    /// `unevaluatedItems`
    pub(super) unevaluated_elements: Option<NodeId>,
}

/// What `const` or `enum` allow.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) identities: HashSet<Identity>,
    /// For messages: the values as they are written, cut.
    pub(super) written: String,
    /// Whether an array or object is among them: else what is one is none of them, and needs no hash.
    pub(super) has_nested: bool,
    pub(super) has_object: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<Limit>,
    pub(super) exclusive_minimum: Option<Limit>,
    pub(super) maximum: Option<Limit>,
    pub(super) exclusive_maximum: Option<Limit>,
    pub(super) multiple_of: Option<Divisor>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct StringRules {
    pub(super) length_min: Option<usize>,
    pub(super) length_max: Option<usize>,
    pub(super) pattern: Option<Arc<Pattern>>,
    pub(super) format: Option<Format>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ArrayRules {
    pub(super) count_min: Option<usize>,
    pub(super) count_max: Option<usize>,
    pub(super) unique: bool,
    pub(super) prefix: Vec<NodeId>,
    pub(super) items: Option<NodeId>,
    pub(super) contains: Option<Contains>,
}

#[derive(Clone, Debug)]
pub(super) struct Contains {
    pub(super) schema: NodeId,
    /// `minContains`, where it is given.
    pub(super) count_min: Option<usize>,
    pub(super) count_max: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) count_min: Option<usize>,
    pub(super) count_max: Option<usize>,
    pub(super) names: Names,
    pub(super) required: Vec<NameId>,
    pub(super) patterns: Vec<(Arc<Pattern>, NodeId)>,
    pub(super) additional: Option<NodeId>,
    pub(super) property_names: Option<NodeId>,
    /// Where the first name is there, the others must be too.
    pub(super) dependent_required: Vec<(NameId, Vec<NameId>)>,
    /// Where the name is there, the object must be as the schema says.
    pub(super) dependent_schemas: Vec<(NameId, NodeId)>,
}

/// Which of the names of a node.
pub(super) type NameId = usize;

/// The names of members that a node speaks of.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// By their number.
    names: Vec<Name>,
    /// The numbers, the shortest name first, names of one length by their bytes.
    order: Vec<NameId>,
}

#[derive(Clone, Debug)]
struct Name {
    text: Box<str>,
    /// What `properties` says of it.
    schema: Option<NodeId>,
}

impl Names {
    /// The number of a name, which it gets where it has none.
    pub(super) fn add(&mut self, text: &str) -> NameId {
        match self.search(text) {
            Ok(at) => self.order[at],
            Err(at) => {
                self.names.push(Name { text: text.into(), schema: None });
                self.order.insert(at, self.names.len() - 1);
                self.names.len() - 1
            }
        }
    }

    /// Adds a name with what `properties` says of it.
    pub(super) fn add_property(&mut self, text: &str, schema: NodeId) {
        let id = self.add(text);
        self.names[id].schema = Some(schema);
    }

    pub(super) fn find(&self, text: &str) -> Option<(NameId, Option<NodeId>)> {
        let id = self.order[self.search(text).ok()?];
        Some((id, self.names[id].schema))
    }

    pub(super) fn text(&self, id: NameId) -> &str {
        &self.names[id].text
    }

    /// The schemas of `properties`.
    pub(super) fn schemas(&self) -> impl Iterator<Item = NodeId> {
        self.names.iter().filter_map(|name| name.schema)
    }

    fn search(&self, text: &str) -> Result<usize, usize> {
        let rank = |text: &str| text.len();
        self.order.binary_search_by(|&id| {
            let known = &*self.names[id].text;
            rank(known).cmp(&rank(text)).then_with(|| known.cmp(text))
        })
    }
}

/// What a node says of the same value by other schemas.
#[derive(Clone, Debug, Default)]
pub(super) struct Combination {
    /// `$ref` and `$dynamicRef`.
    pub(super) references: Vec<NodeId>,
    pub(super) all_of: Vec<NodeId>,
    pub(super) any_of: Vec<NodeId>,
    pub(super) one_of: Vec<NodeId>,
    pub(super) not: Option<NodeId>,
    pub(super) condition: Option<Condition>,
}

#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) test: NodeId,
    pub(super) then: Option<NodeId>,
    pub(super) otherwise: Option<NodeId>,
}

impl Node {
    /// The schemas that judge the same value.
    pub(super) fn in_place(&self) -> impl Iterator<Item = NodeId> {
        let combined = self.combination.iter().flat_map(|combination| {
            let Combination { references, all_of, any_of, one_of, not, condition } = &**combination;
            let condition = condition
                .iter()
                .flat_map(|condition| [Some(condition.test), condition.then, condition.otherwise]);
            let lists = [references, all_of, any_of, one_of].into_iter().flatten().copied();
            lists.chain(*not).chain(condition.flatten())
        });
        let dependent = self.object.iter().flat_map(|object| object.dependent_schemas.iter());
        combined.chain(dependent.map(|(_, schema)| *schema))
    }

    /// The schemas that judge what is inside the value, or its keys.
    pub(super) fn inside(&self) -> impl Iterator<Item = NodeId> {
        let object = self.object.iter().flat_map(|object| {
            let patterns = object.patterns.iter().map(|(_, schema)| *schema);
            object.names.schemas().chain(patterns).chain(object.additional).chain(object.property_names)
        });
        let array = self.array.iter().flat_map(|array| {
            let contains = array.contains.iter().map(|contains| contains.schema);
            array.prefix.iter().copied().chain(array.items).chain(contains)
        });
        object.chain(array).chain(self.unevaluated_members).chain(self.unevaluated_elements)
    }
}
