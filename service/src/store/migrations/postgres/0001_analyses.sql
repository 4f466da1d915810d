create table analyses (
    id            uuid primary key,
    created_at    timestamptz not null,
    prompt        text not null,
    answer        text not null,
    models        jsonb not null,
    synthesizer   text,
    degraded      boolean not null,
    truncated     boolean not null,
    cached_by     text,
    input_tokens  bigint not null,
    output_tokens bigint not null,
    duration_ms   bigint not null,
    left_out      jsonb not null,
    stages        jsonb not null
);
