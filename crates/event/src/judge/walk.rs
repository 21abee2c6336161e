//! Walks through a value of any depth without recursion, for the rules that hold anywhere in an event.

use std::borrow::Cow;
use std::collections::HashSet;

use super::findings::{Findings, cut};
use super::path::{Step, pointer};
use super::{Rules, number};
use crate::json::{Scanner, SyntaxError, Text, TextFault, Token};
use crate::{Code, Severity, Violation};

/// From how many keys on an object's keys are looked up by hash. Below, comparing each is faster.
const HASHED_FROM: usize = 16;

/// One open object or array.
struct Level<'a> {
    /// The way to the value that is read now.
    step: Step<'a>,
    /// Where the keys of this object begin among the keys of all open objects.
    keys_start: usize,
    hashed: Option<HashSet<Cow<'a, [u8]>>>,
    /// The keys of this object that were reported as standing twice.
    repeated: Option<HashSet<Cow<'a, [u8]>>>,
}

/// Reads an event's values and reports what is wrong anywhere in them.
pub(super) struct Walk<'a, 'r> {
    pub(super) scanner: Scanner<'a>,
    pub(super) findings: Findings,
    rules: &'r Rules,
    levels: Vec<Level<'a>>,
    keys: Vec<Text<'a>>,
}

impl<'a, 'r> Walk<'a, 'r> {
    pub(super) fn new(text: &'a str, rules: &'r Rules) -> Self {
        Self {
            scanner: Scanner::new(text),
            findings: Findings::default(),
            rules,
            levels: Vec::with_capacity(4),
            keys: Vec::with_capacity(16),
        }
    }

    /// Enters the object or array that has just begun.
    pub(super) fn enter(&mut self) {
        self.levels.push(Level {
            step: Step::Element(0),
            keys_start: self.keys.len(),
            hashed: None,
            repeated: None,
        });
    }

    fn leave(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.keys.truncate(level.keys_start);
        }
    }

    /// Takes the key of the next member of the innermost object; false if the object has had that key.
    pub(super) fn member(&mut self, key: Text<'a>) -> bool {
        let Some(level) = self.levels.last_mut() else { return true };
        level.step = Step::Member(key);
        let first = !level.has(&self.keys, key);
        if first {
            level.add(&mut self.keys, key);
        } else if level.is_first_repetition(key) {
            let message = "expected each key once in an object, found it again";
            self.report(Code::DuplicateKey, message, None);
        }
        if let Some(fault) = key.fault() {
            self.report(Code::UnstorableText, fault_message("key", fault), None);
        }
        first
    }

    /// Reads the rest of the value that `first` began.
    pub(super) fn value(&mut self, first: &Token<'a>) -> Result<(), SyntaxError> {
        let outside = self.levels.len();
        self.take(first)?;
        while self.levels.len() > outside {
            let Some(token) = self.scanner.next_token()? else { return Ok(()) };
            match token {
                Token::ObjectEnd | Token::ArrayEnd => {
                    self.leave();
                    self.advance();
                }
                Token::Key(key) => {
                    self.member(key);
                }
                value => self.take(&value)?,
            }
        }
        Ok(())
    }

    /// Takes the beginning of a value: all of it, unless it is an object or an array.
    fn take(&mut self, token: &Token<'a>) -> Result<(), SyntaxError> {
        match token {
            Token::ObjectStart | Token::ArrayStart => return self.nested(token),
            Token::String(text) => {
                if let Some(fault) = text.fault() {
                    self.report_latest(Code::UnstorableText, fault_message("string", fault));
                }
            }
            Token::Number(number) => {
                if let Some(message) = number::fault(number) {
                    self.report_latest(Code::NumberOutOfRange, message);
                }
            }
            _ => {}
        }
        self.advance();
        Ok(())
    }

    /// Enters an object or array, or passes over it where it is too deep.
    fn nested(&mut self, token: &Token<'a>) -> Result<(), SyntaxError> {
        // The event itself is a level above `data`, whose depth is 1.
        if self.levels.len() <= self.rules.data_depth_max {
            self.enter();
            return Ok(());
        }
        let start = self.scanner.token_start();
        self.scanner.skip_value(token)?;
        let message = format!("expected a depth of at most {}, found more", self.rules.data_depth_max);
        let value = &self.scanner.text()[start..self.scanner.position()];
        self.report(Code::TooDeep, message, Some(value));
        self.advance();
        Ok(())
    }

    /// Goes on to the next element, where the innermost level is an array.
    fn advance(&mut self) {
        if let Some(Level { step: Step::Element(index), .. }) = self.levels.last_mut() {
            *index += 1;
        }
    }

    fn report_latest(&mut self, code: Code, message: impl Into<String>) {
        let value = &self.scanner.text()[self.scanner.token_start()..self.scanner.position()];
        self.report(code, message, Some(value));
    }

    /// Reports a violation at the value that is read now.
    pub(super) fn report(&mut self, code: Code, message: impl Into<String>, value: Option<&str>) {
        if self.findings.are_full() {
            return;
        }
        let field = self.levels.first().and_then(|level| match level.step {
            Step::Member(key) => Some(key.decode().into_owned()),
            Step::Element(_) => None,
        });
        let path = pointer(self.levels.iter().map(|level| level.step));
        let severity = Severity::Error;
        let (message, value) = (message.into(), value.map(cut));
        self.findings.add(Violation { code, severity, field, path, message, value });
    }
}

impl<'a> Level<'a> {
    fn has(&self, keys: &[Text<'a>], key: Text<'a>) -> bool {
        match &self.hashed {
            Some(hashed) => hashed.contains(key.identity().as_ref()),
            None => keys[self.keys_start..].iter().any(|other| other.is_same(&key)),
        }
    }

    /// Whether a repeated key is repeated for the first time. The findings would drop the others too, but only after
    /// the path of each was built, and thousands of them may stand below one long key.
    fn is_first_repetition(&mut self, key: Text<'a>) -> bool {
        self.repeated.get_or_insert_default().insert(key.identity())
    }

    fn add(&mut self, keys: &mut Vec<Text<'a>>, key: Text<'a>) {
        if let Some(hashed) = &mut self.hashed {
            hashed.insert(key.identity());
            return;
        }
        keys.push(key);
        if keys.len() - self.keys_start >= HASHED_FROM {
            self.hashed = Some(keys[self.keys_start..].iter().map(Text::identity).collect());
        }
    }
}

pub(super) fn fault_message(what: &str, fault: TextFault) -> String {
    match fault {
        TextFault::Nul => {
            format!("expected a {what} without U+0000, which no database text can hold, found one")
        }
        TextFault::LoneSurrogate => {
            format!("expected a {what} of whole characters, found half of a surrogate pair")
        }
    }
}
