//! A request's last steps as OpenTelemetry's spans, below the step of the gateway that the envelope names.

use broker::envelope::RequestContext;
use event::ApplicationId;
use service::trace::Trace;
use service::traces::{self, KeyValue, Span, SpanKind};
use store::intake::Message;

use crate::report::{Course, Tally};

/// Records what became of the events of one request: judged and committed, within a batch of many.
pub(crate) fn record(message: &Message<'_>, request: &RequestContext, tally: Tally, course: &Course) {
    let Some(caller) = request.traceparent.as_deref().and_then(Trace::parse) else { return };
    if !traces::records(&caller) {
        return;
    }
    let whole = caller.step();
    let Course { begun, judged, committed } = *course;
    let step = |name: &'static str, kind, began, ended| Span {
        name: name.into(),
        kind,
        trace: whole.step(),
        began,
        ended,
        attributes: Vec::new(),
        failure: None,
    };
    traces::record(step("judge", SpanKind::Internal, begun, judged));
    traces::record(Span {
        attributes: vec![KeyValue::new("db.system.name", "postgresql")],
        ..step("commit", SpanKind::Client, judged, committed)
    });
    traces::record(Span {
        name: "process".into(),
        kind: SpanKind::Consumer,
        trace: whole,
        began: begun,
        ended: committed,
        attributes: attributes(message, request, tally),
        failure: None,
    });
}

/// By OpenTelemetry's conventions for messaging, and our own counts.
fn attributes(message: &Message<'_>, request: &RequestContext, tally: Tally) -> Vec<KeyValue> {
    let Tally { stored, duplicate, rejected, .. } = tally;
    let mut attributes = vec![
        KeyValue::new("messaging.system", "rabbitmq"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.message.id", message.id.to_string()),
        KeyValue::new("eye.request_id", request.request_id.clone()),
        KeyValue::new("eye.stored", i64::from(stored)),
        KeyValue::new("eye.duplicate", i64::from(duplicate)),
        KeyValue::new("eye.rejected", i64::from(rejected)),
    ];
    let number = message.application.map(ApplicationId::get);
    attributes.extend(number.map(|number| KeyValue::new("eye.application", i64::from(number))));
    attributes
}
