//! Users who may do one service's job, tested by what the broker refuses them.

use broker::{Inspector, Permissions, Publisher, Queue, QueueState, Role, Settings, Subscription};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, ErrorKind, ExchangeKind};
use stack::RabbitMq;
use stack::rabbitmq::{Options, User};
use tempfile::TempDir;

use crate::node::{
    bare_channel, delete_queue, id_of, message, next, policies, publish, publish_at_last, settings_for,
    subscribe, until,
};

const QUEUE: &str = "eye.test-roles";
const DEAD: &str = "eye.test-roles.dead";
/// What somebody else has on the same broker.
const OTHERS: &str = "others";

/// A broker whose users may do what their services do.
struct Guarded {
    node: RabbitMq,
    _directory: TempDir,
}

impl Guarded {
    fn start() -> Self {
        let directory = stack::testing::directory().unwrap();
        let anywhere = settings_for("amqp://127.0.0.1", QUEUE);
        let users = Role::ALL.map(|role| {
            let Permissions { configure, write, read } = role.permissions(&anywhere);
            User { name: role.user().to_owned(), configure, write, read }
        });
        let options = Options { policies: policies(), users: users.to_vec(), ..Options::default() };
        let node = RabbitMq::start(directory.path(), &options).unwrap();
        Self { node, _directory: directory }
    }

    fn settings(&self, role: Role) -> Settings {
        settings_for(&self.url(role), QUEUE)
    }

    fn url(&self, role: Role) -> String {
        self.node.amqp_url_of(role.user()).unwrap()
    }

    fn operator(&self) -> Settings {
        settings_for(&self.node.amqp_url(), QUEUE)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_does_its_job_and_is_refused_everything_else() {
    let broker = Guarded::start();
    nothing_works_before_an_operator_has_declared_it(&broker).await;
    broker::declare(&broker.operator()).await.unwrap();
    broker::declare(&broker.operator()).await.unwrap();
    services_do_their_jobs(&broker).await;
    others_have_something_here(&broker).await;
    for role in Role::ALL {
        let (connection, _channel) = bare_channel(&broker.url(role)).await;
        for attempt in everything_else(role) {
            // Each refusal closes its channel.
            let channel = connection.create_channel().await.unwrap();
            let outcome = attempt.make(&channel).await;
            assert!(is_refused(&outcome), "{role:?}, {attempt:?}: {outcome:?}");
        }
    }
    // All is as it was.
    let mut inspector = Inspector::new(&broker.operator());
    let empty = QueueState::default();
    assert_eq!(inspector.look(Queue::Events).await, Ok(QueueState { ready_messages: 1, ..empty }));
    assert_eq!(inspector.look(Queue::Dead).await, Ok(empty));
    what_is_deleted_is_waited_for(&broker).await;
}

async fn nothing_works_before_an_operator_has_declared_it(broker: &Guarded) {
    let error = Subscription::open(&broker.settings(Role::Consumer), Queue::Events, 1).await.err().unwrap();
    assert!(!error.is_permanent(), "it is waited for: {error}");
    assert!(error.to_string().contains("`eye provision` does"), "{error}");
    let refused = broker::declare(&broker.settings(Role::Gateway)).await.unwrap_err();
    assert!(refused.is_permanent() && refused.to_string().contains("permissions"), "{refused}");
}

async fn services_do_their_jobs(broker: &Guarded) {
    let consumer = broker.settings(Role::Consumer);
    let publisher = Publisher::start(&broker.settings(Role::Gateway));
    let mut events = subscribe(&consumer, Queue::Events, 1).await;
    let id = publish_at_last(&publisher).await;
    next(&mut events).await.requeue().await;
    let delivery = next(&mut events).await;
    assert_eq!(delivery.headers().message_id, Some(id));
    delivery.dead_letter().await;
    let mut dead = subscribe(&consumer, Queue::Dead, 1).await;
    let delivery = next(&mut dead).await;
    assert_eq!(delivery.headers().message_id, Some(id));
    delivery.ack().await.unwrap();
    let mut inspector = Inspector::new(&consumer);
    let watched = QueueState { ready_messages: 0, subscriptions: 1 };
    assert_eq!(inspector.look(Queue::Dead).await, Ok(watched));
    events.close().await;
    dead.close().await;
    // One that stays, to see that nobody takes it away.
    let message = message();
    let id = id_of(&message);
    publish(&publisher, message).await.unwrap();
    assert_ne!(delivery_id(&consumer).await, None, "{id:?} is there");
}

/// Which message waits; it is given back.
async fn delivery_id(settings: &Settings) -> Option<event::MessageId> {
    let mut events = subscribe(settings, Queue::Events, 1).await;
    let delivery = next(&mut events).await;
    let id = delivery.headers().message_id;
    delivery.requeue().await;
    events.close().await;
    id
}

async fn others_have_something_here(broker: &Guarded) {
    let (_connection, channel) = bare_channel(&broker.node.amqp_url()).await;
    let (durable, nothing) =
        (QueueDeclareOptions { durable: true, ..Default::default() }, FieldTable::default());
    channel.queue_declare(OTHERS.into(), durable, nothing.clone()).await.unwrap();
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare(OTHERS.into(), ExchangeKind::Fanout, durable, nothing.clone()).await.unwrap();
    channel.queue_bind(OTHERS.into(), OTHERS.into(), "".into(), Default::default(), nothing).await.unwrap();
}

/// A queue that was deleted comes back by an operator, and everybody goes on by himself.
async fn what_is_deleted_is_waited_for(broker: &Guarded) {
    let publisher = Publisher::start(&broker.settings(Role::Gateway));
    publish_at_last(&publisher).await;
    delete_queue(&broker.node.amqp_url(), QUEUE).await;
    let refused = || async { publish(&publisher, message()).await.is_err() };
    until("nothing is confirmed that no queue has", refused).await;
    broker::declare(&broker.operator()).await.unwrap();
    let id = publish_at_last(&publisher).await;
    assert_eq!(delivery_id(&broker.settings(Role::Consumer)).await, Some(id));
}

/// Something that a user tries, with the name of what it is tried on.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    MakeQueue(&'static str),
    MakeQueueThatTheBrokerNames,
    /// Which throws its dead letters among the events.
    MakeQueueOfDeadLetters,
    DeleteQueue(&'static str),
    Bind(&'static str),
    Unbind(&'static str),
    MakeExchange(&'static str),
    DeleteExchange(&'static str),
    /// What goes to the first goes to the other too.
    BindExchange(&'static str, &'static str),
    Subscribe(&'static str),
    Get(&'static str),
    Empty(&'static str),
    Publish(&'static str),
}

/// What this service need not do.
fn everything_else(role: Role) -> Vec<Attempt> {
    use Attempt::*;
    let mut all = vec![MakeQueueThatTheBrokerNames, MakeQueueOfDeadLetters];
    for name in [QUEUE, DEAD, OTHERS, "new"] {
        all.extend([MakeQueue(name), DeleteQueue(name), Bind(name), Unbind(name)]);
        all.extend([MakeExchange(name), DeleteExchange(name)]);
        all.extend([BindExchange(QUEUE, name), BindExchange(name, QUEUE)]);
        if role == Role::Gateway || ![QUEUE, DEAD].contains(&name) {
            all.extend([Subscribe(name), Get(name), Empty(name)]);
        }
        if role == Role::Consumer || name != QUEUE {
            all.push(Publish(name));
        }
    }
    // By the exchange that leads to every queue, and by one of the broker's own.
    all.extend([Publish(""), Publish("amq.fanout")]);
    all
}

impl Attempt {
    async fn make(self, channel: &Channel) -> lapin::Result<()> {
        let nothing = FieldTable::default;
        let queue = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let exchange = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (any, binding) = ("any".into(), QueueBindOptions::default());
        match self {
            Self::MakeQueue(name) => channel.queue_declare(name.into(), queue, nothing()).await.map(drop),
            Self::MakeQueueThatTheBrokerNames => {
                let own = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
                channel.queue_declare("".into(), own, nothing()).await.map(drop)
            }
            Self::MakeQueueOfDeadLetters => {
                let mut arguments = nothing();
                arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString(QUEUE.into()));
                channel.queue_declare("new".into(), queue, arguments).await.map(drop)
            }
            Self::DeleteQueue(name) => {
                channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.map(drop)
            }
            Self::Bind(name) => channel.queue_bind(name.into(), QUEUE.into(), any, binding, nothing()).await,
            Self::Unbind(name) => channel.queue_unbind(name.into(), QUEUE.into(), any, nothing()).await,
            Self::MakeExchange(name) => {
                channel.exchange_declare(name.into(), ExchangeKind::Fanout, exchange, nothing()).await
            }
            Self::DeleteExchange(name) => {
                channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await
            }
            Self::BindExchange(from, to) => {
                let options = ExchangeBindOptions::default();
                channel.exchange_bind(to.into(), from.into(), any, options, nothing()).await
            }
            Self::Subscribe(name) => {
                let options = BasicConsumeOptions::default();
                channel.basic_consume(name.into(), "".into(), options, nothing()).await.map(drop)
            }
            Self::Get(name) => channel.basic_get(name.into(), BasicGetOptions::default()).await.map(drop),
            Self::Empty(name) => {
                channel.queue_purge(name.into(), QueuePurgeOptions::default()).await.map(drop)
            }
            Self::Publish(name) => {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
                let published = channel.basic_publish(name.into(), QUEUE.into(), options, b"{}", properties);
                published.await?.await.map(drop)
            }
        }
    }
}

fn is_refused(outcome: &lapin::Result<()>) -> bool {
    let Err(error) = outcome else { return false };
    matches!(
        error.kind(),
        ErrorKind::ProtocolError(error)
            if matches!(error.kind(), AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
    )
}
