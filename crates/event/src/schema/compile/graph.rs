//! How schemas lead to each other: never back to themselves, and never to more than an event may cost.

use super::Compiler;
use crate::schema::fault::SchemaFault;
use crate::schema::node::{Choice, Node, NodeId};
use crate::schema::{NESTING_MAX, SUBSCHEMAS_MAX, WORK_MAX};

/// What is known of a node.
#[derive(Clone, Copy)]
enum State {
    Unseen,
    /// Its own subschemas are being looked at.
    Open,
    Done(Figures),
}

/// How large a schema is, with all that it leads to.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// How many schemas judge inside one another.
    nesting: usize,
    /// How many schemas, one that is referred to twice counted twice.
    subschemas: u64,
    /// How many keywords one byte of a value meets at most.
    work: u64,
    /// No object is allowed, whatever it holds.
    never_object: bool,
}

/// Refuses recursive references, what grows beyond the limits, and what refuses every event.
pub(super) fn check(compiler: &Compiler<'_>) -> Result<(), SchemaFault> {
    let mut graph = Graph { compiler, states: vec![State::Unseen; compiler.nodes.len()] };
    let root = graph.measure(0, 0)?;
    // Definitions that nobody refers to may not be recursive either: a later version would.
    for id in 0..compiler.nodes.len() {
        graph.measure(id, 0)?;
    }
    let too_large = |what: &str, limit: u64, found: u64| {
        let reason = format!("expected {what} of at most {limit}, found {found}");
        Err(SchemaFault { path: String::new(), reason })
    };
    if root.subschemas > SUBSCHEMAS_MAX {
        let what = "a number of subschemas, each counted as often as references lead to it,";
        return too_large(what, SUBSCHEMAS_MAX, root.subschemas);
    }
    if root.work > WORK_MAX {
        let what = "a cost a byte (keywords that may judge the same value, costly patterns times four their characters)";
        return too_large(what, WORK_MAX, root.work);
    }
    if root.never_object {
        let reason = "expected a schema that allows some object, since the data of an event is one, found one that allows none";
        return Err(SchemaFault { path: String::new(), reason: reason.to_owned() });
    }
    Ok(())
}

struct Graph<'g, 'a> {
    compiler: &'g Compiler<'a>,
    states: Vec<State>,
}

impl Graph<'_, '_> {
    fn measure(&mut self, id: NodeId, level: usize) -> Result<Figures, SchemaFault> {
        if let State::Done(figures) = self.states[id] {
            return Ok(figures);
        }
        self.states[id] = State::Open;
        let compiler = self.compiler;
        let node = &compiler.nodes[id];
        let mut figures = Figures { nesting: 0, subschemas: 1, work: own_work(node), never_object: false };
        for child in node.in_place().chain(node.inside()) {
            if let State::Open = self.states[child] {
                return self.recursive(id, child);
            }
            if level == NESTING_MAX {
                return self.too_nested(id);
            }
            let child = self.measure(child, level + 1)?;
            figures.nesting = figures.nesting.max(child.nesting + 1);
            figures.subschemas = figures.subschemas.saturating_add(child.subschemas);
        }
        if figures.nesting > NESTING_MAX {
            return self.too_nested(id);
        }
        let in_place = node.in_place().map(|child| self.done(child).work);
        figures.work = in_place.chain([self.work_inside(node)]).fold(figures.work, u64::saturating_add);
        figures.never_object = self.is_never_object(node);
        self.states[id] = State::Done(figures);
        Ok(figures)
    }

    /// The figures of a node that was measured.
    fn done(&self, id: NodeId) -> Figures {
        match self.states[id] {
            State::Done(figures) => figures,
            State::Unseen | State::Open => {
                Figures { nesting: 0, subschemas: 0, work: 0, never_object: false }
            }
        }
    }

    /// What the schemas inside a value cost a byte of it: a member is judged by one of `properties` at most.
    fn work_inside(&self, node: &Node) -> u64 {
        let work = |id: NodeId| self.done(id).work;
        let most = |ids: &mut dyn Iterator<Item = NodeId>| ids.map(work).max().unwrap_or_default();
        let sum = |ids: &mut dyn Iterator<Item = NodeId>| ids.map(work).fold(0, u64::saturating_add);
        let object = node.object.as_ref().map_or(0, |object| {
            let known = most(&mut object.names.schemas());
            let by_pattern = sum(&mut object.patterns.iter().map(|(_, schema)| *schema));
            let member = known.saturating_add(by_pattern).max(most(&mut object.additional.into_iter()));
            member.saturating_add(most(&mut object.property_names.into_iter()))
        });
        let array = node.array.as_ref().map_or(0, |array| {
            let element = most(&mut array.prefix.iter().copied().chain(array.items));
            element.saturating_add(array.contains.as_ref().map_or(0, |contains| work(contains.schema)))
        });
        let object = object.saturating_add(most(&mut node.unevaluated_members.into_iter()));
        let array = array.saturating_add(most(&mut node.unevaluated_elements.into_iter()));
        object.max(array)
    }

    /// Whether a node plainly allows no object. It may be false where none is allowed all the same.
    fn is_never_object(&self, node: &Node) -> bool {
        let never = |id: &NodeId| self.done(*id).never_object;
        let allows_none = |choice: &Choice| !choice.has_object;
        node.never
            || node.types.is_some_and(|types| !types.hold_objects())
            || node.constant.iter().chain(&node.choices).any(allows_none)
            || node.combination.as_ref().is_some_and(|combination| {
                let none = |ids: &[NodeId]| !ids.is_empty() && ids.iter().all(never);
                combination.references.iter().chain(&combination.all_of).any(never)
                    || none(&combination.any_of)
                    || none(&combination.one_of)
            })
    }

    fn recursive<T>(&self, from: NodeId, to: NodeId) -> Result<T, SchemaFault> {
        let compiler = self.compiler;
        let mut references = compiler.references.iter().filter(|reference| reference.from == from);
        let at = references.find(|reference| compiler.target(reference.at).is_ok_and(|target| target == to));
        let at = at.map_or(compiler.places[from], |reference| reference.at);
        compiler.unexpected(at, "a reference to a schema that does not lead back here (none is recursive)")
    }

    fn too_nested<T>(&self, id: NodeId) -> Result<T, SchemaFault> {
        let reason =
            format!("expected schemas nested at most {NESTING_MAX} deep, references included, found more");
        self.compiler.fault(self.compiler.places[id], reason)
    }
}

/// What the keywords of a node itself cost a byte of a value.
fn own_work(node: &Node) -> u64 {
    let each = |there: bool| u64::from(there);
    let number = node.number.as_ref().map_or(0, |number| {
        let limits = [&number.minimum, &number.exclusive_minimum, &number.maximum, &number.exclusive_maximum];
        limits.iter().map(|limit| each(limit.is_some())).sum::<u64>() + each(number.multiple_of.is_some())
    });
    let string = node.string.as_ref().map_or(0, |string| {
        let pattern = string.pattern.as_ref().map_or(0, |pattern| pattern.work());
        each(string.length_min.is_some() || string.length_max.is_some())
            + each(string.format.is_some())
            + pattern
    });
    let array = node.array.as_ref().map_or(0, |array| 1 + each(array.unique));
    let object = node.object.as_ref().map_or(0, |object| {
        let patterns = object.patterns.iter().map(|(pattern, _)| pattern.work());
        1 + patterns.fold(0, u64::saturating_add)
    });
    let values = each(node.constant.is_some()) + each(node.choices.is_some());
    [1, values, string.max(number), array.max(object)].into_iter().fold(0, u64::saturating_add)
}
