create table analyses (
    id            blob primary key,
    created_at    text not null,
    prompt        text not null,
    answer        text not null,
    models        text not null,
    synthesizer   text,
    degraded      integer not null,
    truncated     integer not null,
    cached_by     text,
    input_tokens  integer not null,
    output_tokens integer not null,
    duration_ms   integer not null,
    left_out      text not null,
    stages        text not null
) strict;
