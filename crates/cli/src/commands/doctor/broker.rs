//! The broker and its queues, as far as AMQP tells. It does not tell policies.

use ::broker::{Inspector, Queue};
use anyhow::Result;
use service::settings::Settings;

use super::Finding;

pub(super) fn look(settings: &Settings) -> Result<Finding> {
    let broker: ::broker::Settings = settings.section("broker")?;
    let look = async {
        let mut inspector = Inspector::new(&broker);
        let events = inspector.look(Queue::Events).await?;
        let dead = inspector.look(Queue::Dead).await?;
        inspector.close().await;
        Ok::<_, ::broker::Error>((events, dead))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (events, dead) = match runtime.block_on(look) {
        Ok(queues) => queues,
        Err(error) => {
            let advice = "start RabbitMQ (`eye up` starts a private one), or correct EYE__BROKER__URL";
            return Ok(Finding::wrong("broker", format!("{}: {error}", broker.place()), advice));
        }
    };
    let found = format!(
        "answers; {} messages wait, {} consumers take them, {} dead letters",
        events.ready_messages, events.subscriptions, dead.ready_messages
    );
    Ok(match (events.subscriptions, dead.ready_messages) {
        (0, _) => {
            let advice = "start consumers; those that run take nothing while they wait for the database";
            Finding::wrong("broker", found, advice)
        }
        (_, 0) => Finding::fine("broker", found),
        _ => {
            let advice = "consumers judge dead letters again by themselves: see their logs if this stays";
            Finding::wrong("broker", found, advice)
        }
    })
}
