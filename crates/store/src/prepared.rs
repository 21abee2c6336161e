//! Statements that a connection prepares once.
//!
//! `diesel::sql_query` has Postgres parse and plan its text each time, since it can't know how many texts there will be. Of most
//! statements of this crate there are a handful, and where the best plan does not depend on the values, parsing and planning
//! take longer than running them: a page of events asks the counts first, by three such statements, which took 6 ms of its 8.
//!
//! Postgres plans a prepared statement for the values at hand a few times, then for any if that promises to cost no more.
//! So a statement whose plan has to fit the values (a range of time) is left as it is.

use diesel::connection::Connection;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// A statement with its values, of which each connection keeps the text prepared. There have to be few of its texts, or each
/// connection would fill with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared<Q>(pub(crate) Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

/// Known by its text.
impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C: Connection> RunQueryDsl<C> for Prepared<Q> {}
