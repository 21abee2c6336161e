//! Regular expressions: ECMA-262 as JSON Schema wants it, matched in time that grows with the text alone.

use regex_automata::meta::Regex;
use regex_syntax::hir::{Hir, HirKind};

use super::{PATTERN_CACHE_BYTES_MAX, PATTERNS_BYTES_MAX};

/// A pattern, compiled.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// As the schema spells it.
    source: Box<str>,
    /// What matching costs a byte, at worst.
    work: u64,
}

/// How many of a pattern's places are tried at about the cost of a keyword.
const PLACES_A_STEP: u64 = 4;

impl Pattern {
    /// Compiles a pattern into at most so many bytes.
    ///
    /// # Errors
    /// What is wrong with it: it is no pattern of ECMA-262, it needs what linear time can't give, or it is too large.
    pub(super) fn compile(source: &str, bytes_left: usize) -> Result<Self, String> {
        if !jsonschema_regex::is_valid_ecma_regex(source) {
            let detail = detail(source).map(|detail| format!(": {detail}")).unwrap_or_default();
            return Err(format!(
                "expected a regular expression of ECMA-262, found {}{detail}",
                shown(source)
            ));
        }
        let refused = |why: String| {
            let expected = "expected a regular expression without look-around and backreferences, which take more than linear time";
            format!("{expected}, found {}: {why}", shown(source))
        };
        let translated = jsonschema_regex::to_rust_regex(source)
            .map_err(|()| refused("it can't be translated".to_owned()))?;
        let parsed = regex_syntax::Parser::new().parse(&translated).map_err(|error| refused(kind(&error)))?;
        let settings =
            Regex::config().nfa_size_limit(Some(bytes_left)).hybrid_cache_capacity(PATTERN_CACHE_BYTES_MAX);
        let regex = Regex::builder().configure(settings).build_from_hir(&parsed).map_err(|_| {
            format!(
                "expected patterns of at most {PATTERNS_BYTES_MAX} bytes together when compiled, found more with {}",
                shown(source)
            )
        })?;
        Ok(Self { regex, source: source.into(), work: 1 + places(&parsed) / PLACES_A_STEP })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.regex.memory_usage()
    }

    /// As the schema spells it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) const fn work(&self) -> u64 {
        self.work
    }
}

fn shown(source: &str) -> String {
    super::message::shown(source)
}

/// What the parser says of a pattern that it does not take either, in one line.
fn detail(source: &str) -> Option<String> {
    let error = regex_syntax::ast::parse::Parser::new().parse(source).err()?;
    Some(error.kind().to_string())
}

fn kind(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "it can't be read".to_owned(),
    }
}

/// At how many places of a pattern a match can stand, its counted repetitions written out: as many at once must be kept track of, at
/// worst.
fn places(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
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
