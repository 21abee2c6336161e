//! The tables as the migrations leave them.

diesel::table! {
    applications (id) {
        id -> Int4,
        name -> Text,
        events_per_second_max -> Nullable<Int4>,
        strict -> Bool,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        segment_session -> Nullable<Array<Text>>,
        segment_category -> Nullable<Array<Text>>,
        segment_name -> Nullable<Array<Text>>,
        cloudevents_session -> Nullable<Array<Text>>,
        cloudevents_attributes -> Bool,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Int4,
        application_id -> Int4,
        digest -> Bytea,
        hint -> Text,
        scopes -> Array<Text>,
        own -> Bool,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        origins -> Nullable<Array<Text>>,
        events_per_second_max -> Nullable<Int4>,
    }
}

diesel::table! {
    event_types (id) {
        id -> Int4,
        category -> Text,
        name -> Text,
        first_seen_at -> Timestamptz,
    }
}

diesel::table! {
    event_type_versions (id) {
        id -> Int8,
        event_type_id -> Int4,
        version -> Int4,
        mode -> Nullable<Text>,
        schema -> Nullable<Text>,
        created_at -> Timestamptz,
        created_by -> Text,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    events (session_id, occurred_at, application_id, id) {
        occurred_at -> Timestamptz,
        received_at -> Timestamptz,
        stored_at -> Timestamptz,
        application_id -> Int4,
        event_type_id -> Int4,
        id -> Uuid,
        session_id -> Text,
        data -> Jsonb,
        schema_version -> Int4,
    }
}

diesel::table! {
    sessions (session_id) {
        session_id -> Text,
        ordinal -> Int8,
        first_event_at -> Timestamptz,
        last_event_at -> Timestamptz,
        event_count -> Int8,
        application_ids -> Array<Int4>,
    }
}

diesel::table! {
    rejected_events (id) {
        id -> Int8,
        application_id -> Nullable<Int4>,
        event_id -> Uuid,
        received_at -> Timestamptz,
        created_at -> Timestamptz,
        resolved_at -> Nullable<Timestamptz>,
        errors_truncated -> Bool,
        replayable -> Bool,
        replay_requested_at -> Nullable<Timestamptz>,
        warned -> Bool,
        session_id -> Nullable<Text>,
        category -> Nullable<Text>,
        name -> Nullable<Text>,
        occurred_at -> Nullable<Timestamptz>,
        input -> Bytea,
        input_digest -> Bytea,
    }
}

diesel::table! {
    errors (id) {
        id -> Int8,
        rejected_event_id -> Int8,
        application_id -> Nullable<Int4>,
        event_id -> Uuid,
        received_at -> Timestamptz,
        created_at -> Timestamptz,
        severity -> Text,
        code -> Text,
        field -> Nullable<Text>,
        path -> Text,
        message -> Text,
        value -> Nullable<Text>,
    }
}

diesel::table! {
    taken_messages (message_id) {
        message_id -> Uuid,
        run_id -> Nullable<Uuid>,
        application_id -> Nullable<Int4>,
        event_count -> Int4,
        taken_at -> Timestamptz,
    }
}

diesel::table! {
    queue_measurements (queue) {
        queue -> Text,
        ready_messages -> Int8,
        subscriptions -> Int4,
        measured_at -> Timestamptz,
    }
}

diesel::table! {
    consumer_reports (consumer_id) {
        consumer_id -> Uuid,
        host -> Text,
        started_at -> Timestamptz,
        deliveries_held -> Int4,
        oldest_received_at -> Nullable<Timestamptz>,
        reported_at -> Timestamptz,
    }
}

diesel::joinable!(api_keys -> applications (application_id));
diesel::joinable!(event_type_versions -> event_types (event_type_id));
diesel::joinable!(events -> applications (application_id));
diesel::joinable!(events -> event_types (event_type_id));
diesel::joinable!(rejected_events -> applications (application_id));
diesel::joinable!(errors -> rejected_events (rejected_event_id));

diesel::allow_tables_to_appear_in_same_query!(
    applications,
    api_keys,
    event_types,
    event_type_versions,
    events,
    sessions,
    rejected_events,
    errors,
    taken_messages,
);
