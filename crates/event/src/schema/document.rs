//! A JSON text, laid out for judging: its values one behind the other, each before those inside it. One allocation holds
//! them, and nothing that goes through them recurses.

use std::borrow::Cow;

use super::number::Number;
use crate::json::{Kind, Scanner, SyntaxError, Text, TextFault, Token};

/// Which value of a document. The root is the first.
pub(super) type At = usize;

/// The root.
pub(super) const ROOT: At = 0;

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    Null,
    Boolean(bool),
    Number(Number<'a>),
    String(Cow<'a, str>),
    /// How many elements.
    Array(usize),
    /// How many members.
    Object(usize),
}

impl Content<'_> {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Number(_) => Kind::Number,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }
}

/// One value.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    pub(super) content: Content<'a>,
    /// Its key, where it is a member.
    pub(super) key: Option<Cow<'a, str>>,
    parent: At,
    /// The first value behind it and all that is inside it.
    next: At,
    /// Where it stands in the text.
    start: usize,
    end: usize,
}

/// A JSON text that was read.
#[derive(Clone, Debug)]
pub(super) struct Document<'a> {
    text: &'a str,
    values: Vec<Value<'a>>,
    /// The first value that is, or whose key is, a text which no database can hold.
    unstorable: Option<(At, TextFault)>,
}

impl<'a> Document<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no JSON.
    pub(super) fn read(text: &'a str) -> Result<Self, SyntaxError> {
        let mut reader = Reader {
            document: Self { text, values: Vec::with_capacity(text.len() / 16 + 1), unstorable: None },
            open: Vec::new(),
            key: None,
        };
        let mut scanner = Scanner::new(text);
        while let Some(token) = scanner.next_token()? {
            reader.take(token, &scanner);
        }
        Ok(reader.document)
    }

    /// A document that is one string.
    pub(super) fn of_string(text: &'a str) -> Self {
        let content = Content::String(Cow::Borrowed(text));
        let value = Value { content, key: None, parent: ROOT, next: 1, start: 0, end: text.len() };
        Self { text, values: vec![value], unstorable: None }
    }

    pub(super) fn value(&self, at: At) -> &Value<'a> {
        &self.values[at]
    }

    pub(super) fn content(&self, at: At) -> &Content<'a> {
        &self.values[at].content
    }

    /// The key of a member; empty where the value is none.
    pub(super) fn key(&self, at: At) -> &str {
        self.values[at].key.as_deref().unwrap_or_default()
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The members or elements of a value.
    pub(super) fn children(&self, at: At) -> impl Iterator<Item = At> + use<'_, 'a> {
        let end = self.values[at].next;
        let mut child = at + 1;
        std::iter::from_fn(move || {
            let current = child;
            (current < end).then(|| {
                child = self.values[current].next;
                current
            })
        })
    }

    /// The members of an object, each with its key.
    pub(super) fn members(&self, at: At) -> impl Iterator<Item = (&str, At)> + use<'_, 'a> {
        self.children(at).map(|member| (self.key(member), member))
    }

    /// A value as it is written.
    pub(super) fn written(&self, at: At) -> &'a str {
        let Value { start, end, .. } = self.values[at];
        &self.text[start..end]
    }

    /// The member of an object that has a key.
    pub(super) fn member(&self, at: At, key: &str) -> Option<At> {
        match self.content(at) {
            Content::Object(_) => self.members(at).find(|(known, _)| *known == key).map(|(_, member)| member),
            _ => None,
        }
    }

    /// The value that a JSON Pointer leads to.
    pub(super) fn find(&self, pointer: &str) -> Option<At> {
        pointer.split('/').skip(1).try_fold(ROOT, |at, step| match self.content(at) {
            Content::Array(_) => {
                let is_index = step == "0" || !step.starts_with(['0', '+']);
                let index = step.parse().ok().filter(|_| is_index)?;
                self.children(at).nth(index)
            }
            _ => self.member(at, &step.replace("~1", "/").replace("~0", "~")),
        })
    }

    /// A value for a message: as it is written, cut.
    pub(super) fn shown(&self, at: At) -> String {
        super::message::shown(self.written(at))
    }

    /// Why the document can't be stored, and where.
    pub(super) const fn unstorable(&self) -> Option<(At, TextFault)> {
        self.unstorable
    }

    /// The JSON Pointer to a value, from the root.
    pub(super) fn pointer(&self, mut at: At) -> String {
        let mut steps = Vec::new();
        while at != ROOT {
            steps.push(at);
            at = self.values[at].parent;
        }
        let mut pointer = String::new();
        for step in steps.into_iter().rev() {
            let value = &self.values[step];
            match &value.key {
                Some(key) => push_step(&mut pointer, key),
                None => {
                    let index = self.children(value.parent).position(|child| child == step);
                    pointer.push_str(&format!("/{}", index.unwrap_or_default()));
                }
            }
        }
        pointer
    }
}

/// Adds a member to a JSON Pointer.
pub(super) fn push_step(pointer: &mut String, key: &str) {
    pointer.push('/');
    crate::judge::path::push_escaped(pointer, key);
}

struct Reader<'a> {
    document: Document<'a>,
    /// The objects and arrays that are open, from the outermost.
    open: Vec<At>,
    /// The key of the member whose value comes next.
    key: Option<Text<'a>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: Token<'a>, scanner: &Scanner<'a>) {
        let content = match token {
            Token::Key(key) => return self.key = Some(key),
            Token::ObjectEnd | Token::ArrayEnd => return self.close(scanner.position()),
            Token::ObjectStart => Content::Object(0),
            Token::ArrayStart => Content::Array(0),
            Token::String(text) => {
                self.note(text);
                Content::String(text.decode())
            }
            Token::Number(text) => Content::Number(Number::new(text)),
            Token::Boolean(value) => Content::Boolean(value),
            Token::Null => Content::Null,
        };
        let key = self.key.take();
        if let Some(key) = key {
            self.note(key);
        }
        let parent = self.count_child();
        let at = self.document.values.len();
        if matches!(content, Content::Object(_) | Content::Array(_)) {
            self.open.push(at);
        }
        let (start, end) = (scanner.token_start(), scanner.position());
        let key = key.map(|key| key.decode());
        self.document.values.push(Value { content, key, parent, next: at + 1, start, end });
    }

    /// Counts one more value in the innermost object or array, and gives that.
    fn count_child(&mut self) -> At {
        let parent = self.open.last().copied().unwrap_or(ROOT);
        if let Some(Value { content: Content::Object(count) | Content::Array(count), .. }) =
            self.document.values.get_mut(parent)
        {
            *count += 1;
        }
        parent
    }

    fn close(&mut self, end: usize) {
        let next = self.document.values.len();
        if let Some(value) = self.open.pop().and_then(|at| self.document.values.get_mut(at)) {
            value.next = next;
            value.end = end;
        }
    }

    fn note(&mut self, text: Text<'a>) {
        if let (None, Some(fault)) = (self.document.unstorable, text.fault()) {
            self.document.unstorable = Some((self.document.values.len(), fault));
        }
    }
}
