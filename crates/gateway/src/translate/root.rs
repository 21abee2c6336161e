//! The object that a body of another format is.

use actix_web::web::Bytes;
use event::json::{self, SyntaxError};
use service::problem::Problem;

use super::Members;
use crate::body::Unreadable;

/// Why a body of another format holds no events.
pub(crate) enum Fault {
    /// It is no JSON; what is wrong with it, and where.
    NoJson(String),
    /// It is JSON, but not what it should be.
    Refused(Problem),
}

impl Fault {
    /// The same with the body.
    pub(crate) fn of(self, body: Bytes) -> Unreadable {
        match self {
            Self::NoJson(detail) => Unreadable::NoJson { body, detail },
            Self::Refused(problem) => problem.into(),
        }
    }

    pub(crate) fn syntax(body: &[u8], error: &SyntaxError) -> Self {
        let (line, column) = json::place(body, error.offset);
        Self::NoJson(format!("the body is no JSON: line {line}, column {column}: {}", error.reason))
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// The text of a body, and those members of the one object that it is that are wanted.
pub(crate) fn root<'a>(body: &'a [u8], wanted: &[&str]) -> Result<(&'a str, Members<'a>), Fault> {
    let syntax = |error| Fault::syntax(body, &error);
    let text = json::utf8(body).map_err(syntax)?;
    let members = Members::read(text, |name| wanted.contains(&name)).map_err(syntax)?;
    let members = members.ok_or_else(|| Problem::bad_request("the body is no JSON object"))?;
    Ok((text, members))
}
