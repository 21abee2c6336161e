-- Applications are the trusted clients; their keys are known by digest only.

-- Any text of an event must fit: a database of another encoding would refuse some of them one by one.
DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must have the encoding UTF8, found %', current_setting('server_encoding');
    END IF;
END
$$;

CREATE TABLE applications (
    id integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    events_per_second_max integer,
    strict boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    CONSTRAINT applications_pkey PRIMARY KEY (id),
    CONSTRAINT applications_name_key UNIQUE (name),
    CONSTRAINT applications_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT applications_events_per_second_max_positive CHECK (events_per_second_max > 0)
);

COMMENT ON TABLE applications IS 'Registered senders of events.';
COMMENT ON COLUMN applications.events_per_second_max IS 'Rate limit at each gateway; null: none.';
COMMENT ON COLUMN applications.strict IS 'Events of unregistered types are rejected.';
COMMENT ON COLUMN applications.disabled_at IS 'Since when its keys are refused; null: active.';

CREATE TABLE api_keys (
    id integer GENERATED ALWAYS AS IDENTITY,
    application_id integer NOT NULL,
    digest bytea NOT NULL,
    hint text NOT NULL,
    scopes text[] NOT NULL,
    own boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_application_id_fkey FOREIGN KEY (application_id) REFERENCES applications (id),
    CONSTRAINT api_keys_digest_key UNIQUE (digest),
    CONSTRAINT api_keys_digest_is_sha256 CHECK (octet_length(digest) = 32),
    CONSTRAINT api_keys_scopes_known CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) > 0)
);

CREATE INDEX api_keys_application_id_idx ON api_keys (application_id);

COMMENT ON TABLE api_keys IS 'Keys of applications. A key itself is shown once, when it is made, and never stored.';
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the whole key, the prefix eye_ included.';
COMMENT ON COLUMN api_keys.hint IS 'The first characters of the key, for people to tell keys apart.';
COMMENT ON COLUMN api_keys.own IS 'A read key that sees its own application only.';
