//! What `eye up` starts, and the watch over it.
//!
//! ```text
//!   parts      Postgres · RabbitMQ · gateway · consumers · query: each can start, be looked at, and stop
//!   plan       which ports and addresses they get, and what each service is told
//!   set_up     database, logins, migrations, demo application and its keys
//!   stack      all of it in its order, and the summary for people and programs
//!   supervisor a thread a part that starts it again when it dies
//!   running    whether a stack runs here, and the way to ask it to stop
//! ```

pub(crate) mod parts;
pub(crate) mod plan;
pub(crate) mod running;
pub(crate) mod set_up;
pub(crate) mod stack;
pub(crate) mod supervisor;
