//! Regular expressions: ECMA-262 as JSON Schema wants it, matched in time that grows with the text alone.

use regex_automata::Input;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::{Compiler, NFA, WhichCaptures};
use regex_syntax::hir::{Hir, HirKind};

use super::message::shown;
use super::{PATTERN_CACHE_BYTES_MAX, PATTERN_TABLE_BYTES_MAX, PATTERNS_BYTES_MAX};

/// A pattern, compiled.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    matcher: Matcher,
    /// As the schema spells it.
    source: Box<str>,
    /// What matching costs a byte, at worst.
    work: u64,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// Every byte is one look into a table.
    Table(Box<dense::DFA<Vec<u32>>>),
    /// The table would be too large: it is made while matching, as far as that is of use, and else every place of the pattern
    /// at which a match can stand is tried for every byte.
    Places(Regex),
}

/// What trying one place costs, in keywords: about ten nanoseconds.
const WORK_A_PLACE: u64 = 4;

impl Pattern {
    /// Compiles a pattern into at most so many bytes.
    ///
    /// # Errors
    /// What is wrong with it: it is no pattern of ECMA-262, it needs what linear time can't give, or it is too large.
    pub(super) fn compile(source: &str, bytes_left: usize) -> Result<Self, String> {
        let parsed = parse(source)?;
        let too_large = || {
            let expected =
                format!("expected patterns of at most {PATTERNS_BYTES_MAX} bytes together when compiled");
            format!("{expected}, found more with {}", shown(source))
        };
        let settings =
            NFA::config().nfa_size_limit(Some(bytes_left)).which_captures(WhichCaptures::None).shrink(false);
        let nfa = Compiler::new().configure(settings).build_from_hir(&parsed).map_err(|_| too_large())?;
        if let Some(table) = table(&nfa, bytes_left) {
            let matcher = Matcher::Table(Box::new(table));
            return Ok(Self { matcher, source: source.into(), work: 1 });
        }
        let settings =
            Regex::config().nfa_size_limit(Some(bytes_left)).hybrid_cache_capacity(PATTERN_CACHE_BYTES_MAX);
        let regex = Regex::builder().configure(settings).build_from_hir(&parsed).map_err(|_| too_large())?;
        let work = places(&parsed).saturating_mul(WORK_A_PLACE);
        Ok(Self { matcher: Matcher::Places(regex), source: source.into(), work })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        match &self.matcher {
            // It ends with the first match. Only tables with bytes that are not looked up can fail, and this one has none.
            Matcher::Table(table) => {
                table.try_search_fwd(&Input::new(text).earliest(true)).is_ok_and(|end| end.is_some())
            }
            Matcher::Places(regex) => regex.is_match(text),
        }
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        match &self.matcher {
            Matcher::Table(table) => table.memory_usage(),
            Matcher::Places(regex) => regex.memory_usage(),
        }
    }

    /// As the schema spells it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) const fn work(&self) -> u64 {
        self.work
    }
}

fn parse(source: &str) -> Result<Hir, String> {
    if !jsonschema_regex::is_valid_ecma_regex(source) {
        let detail = regex_syntax::ast::parse::Parser::new().parse(source).err();
        let detail = detail.map(|error| format!(": {}", error.kind())).unwrap_or_default();
        return Err(format!("expected a regular expression of ECMA-262, found {}{detail}", shown(source)));
    }
    let refused = |why: String| {
        let expected = "expected a regular expression without look-around and backreferences, which take more than linear time";
        format!("{expected}, found {}: {why}", shown(source))
    };
    let translated = jsonschema_regex::to_rust_regex(source)
        .map_err(|()| refused("it can't be translated for the engine that takes linear time".to_owned()))?;
    regex_syntax::Parser::new().parse(&translated).map_err(|error| {
        refused(match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "it can't be read".to_owned(),
        })
    })
}

/// The table of a pattern, where it is small.
fn table(nfa: &NFA, bytes_left: usize) -> Option<dense::DFA<Vec<u32>>> {
    let limit = Some(PATTERN_TABLE_BYTES_MAX.min(bytes_left));
    let settings = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(limit)
        .determinize_size_limit(limit);
    dense::Builder::new().configure(settings).build_from_nfa(nfa).ok()
}

/// At how many places of a pattern a match can stand, its counted repetitions written out.
fn places(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or_else(|| repetition.min.max(1));
            places(&repetition.sub).saturating_mul(u64::from(times))
        }
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(places).fold(0, u64::saturating_add)
        }
    }
}
