-- What was answered to requests with an Idempotency-Key, and which of them are under way. `name` is a hash of account
-- and key; what has no status yet is under way, as long as its holder says so.
create table idempotency (
    name        bytea primary key,
    user_id     uuid references users (id) on delete cascade,
    fingerprint bytea not null,
    holder      uuid not null,
    held_until  timestamptz not null,
    expires_at  timestamptz not null,
    status      integer,
    headers     jsonb,
    body        bytea
);
create index idempotency_user_id on idempotency (user_id);
create index idempotency_expires_at on idempotency (expires_at);
