-- The name of a tier of the configuration.
alter table users add column tier text not null default 'free';

-- A row for each request that was answered, or may have been. It refers to nothing: a reference would be looked up for
-- each of thousands of rows a second. Nobody's request has no user, and one of an erased user has the nil UUID.
-- `cost` is in millionths. The partitions, one a month, are made by the service ahead of time.
create table usage (
    occurred_on   date not null,
    id            uuid not null,
    occurred_at   timestamptz not null,
    user_id       uuid,
    key_id        uuid,
    operation     text not null,
    model         text not null,
    analysis_id   uuid,
    input_tokens  bigint not null,
    output_tokens bigint not null,
    cost          bigint not null,
    outcome       text not null,
    cached        boolean not null,
    primary key (occurred_on, id)
) partition by range (occurred_on);
create index usage_user_id on usage (user_id, occurred_on);
