//! Who asks, and what of others it may see.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use event::ApplicationId;
use service::keys::{Caller, KeyError, KeyRing, Scope};
use service::problem::Problem;

use crate::answers::Answers;

/// A caller that may read.
pub(crate) struct Reader {
    caller: Caller,
}

impl Reader {
    /// Lets in whoever has a key with the scope `read`.
    pub(crate) async fn authorize(request: &HttpRequest) -> Result<Self, Problem> {
        Ok(Self { caller: authorize(request, Scope::Read).await? })
    }

    /// The same for an answer that is held whole until it is taken, once there is room for it.
    pub(crate) async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let reader = Self::authorize(request).await?;
        Answers::reserve(request).await?;
        Ok(reader)
    }

    /// The number of the only application that it may see; none where it may see all.
    pub(crate) fn own(&self) -> Option<i32> {
        self.caller.own.then(|| self.caller.application.get())
    }

    /// Whose key it is.
    pub(crate) const fn application(&self) -> ApplicationId {
        self.caller.application
    }

    /// Whether it may ask about an application.
    pub(crate) fn check(&self, application: &str) -> Result<(), Problem> {
        if self.caller.own && *application != *self.caller.application_name {
            return Err(foreign());
        }
        Ok(())
    }

    /// The names of the applications that a filter may ask for: those given, but for a key that sees its own only.
    /// None where nothing is left to be seen.
    pub(crate) fn narrow(&self, given: Vec<String>) -> Option<Vec<String>> {
        if !self.caller.own {
            return Some(given);
        }
        let own = self.caller.application_name.to_string();
        (given.is_empty() || given.contains(&own)).then(|| vec![own])
    }
}

/// A caller that may ask what became of events.
pub(crate) struct ReceiptReader {
    caller: Caller,
}

impl ReceiptReader {
    /// Lets in whoever may read, and whoever may write: an application may ask what became of what it sent.
    pub(crate) async fn admit(request: &HttpRequest) -> Result<Self, Problem> {
        let caller = match authorize(request, Scope::Read).await {
            Err(problem) if problem.status() == StatusCode::FORBIDDEN => {
                authorize(request, Scope::Write).await?
            }
            caller => caller?,
        };
        Answers::reserve(request).await?;
        Ok(Self { caller })
    }

    /// The name of the application whose events are meant: the caller's own, unless it may read others.
    pub(crate) fn application(&self, wanted: Option<String>) -> Result<String, Problem> {
        let own = self.caller.application_name.to_string();
        let reads_all = self.caller.scopes.contains(Scope::Read) && !self.caller.own;
        match wanted {
            Some(wanted) if wanted != own && !reads_all => Err(foreign()),
            wanted => Ok(wanted.unwrap_or(own)),
        }
    }
}

fn foreign() -> Problem {
    Problem::forbidden("application: this key sees its own application only")
}

async fn authorize(request: &HttpRequest, scope: Scope) -> Result<Caller, Problem> {
    let Some(keys) = request.app_data::<Data<KeyRing>>() else {
        return Err(Problem::unavailable("keys can't be looked up", 1));
    };
    let caller = keys.authorize(request, scope).await?;
    // Everybody can read a key that stands in a page: it must tell nothing of what was sent, wherever it comes from.
    if caller.browser.is_some() {
        return Err(KeyError::Origin.into());
    }
    Ok(caller)
}
