-- The name of a tier of the configuration.
alter table users add column tier text not null default 'free';

-- A row for each request that was answered, or may have been. It refers to nothing, as in Postgres, where a reference
-- would cost too much. Nobody's request has no user, and one of an erased user has the nil UUID. `cost` is in
-- millionths, and a day is text, which sorts.
create table usage (
    occurred_on   text not null,
    id            blob not null,
    occurred_at   integer not null,
    user_id       blob,
    key_id        blob,
    operation     text not null,
    model         text not null,
    analysis_id   blob,
    input_tokens  integer not null,
    output_tokens integer not null,
    cost          integer not null,
    outcome       text not null,
    cached        integer not null,
    primary key (occurred_on, id)
) strict, without rowid;
create index usage_user_id on usage (user_id, occurred_on);
