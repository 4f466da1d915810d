-- What was answered to requests with an Idempotency-Key, and which of them are under way. `name` is a hash of account
-- and key; what has no status yet is under way, as long as its holder says so.
create table idempotency (
    name        blob primary key,
    user_id     blob references users (id) on delete cascade,
    fingerprint blob not null,
    holder      blob not null,
    held_until  integer not null,
    expires_at  integer not null,
    status      integer,
    headers     text,
    body        blob
) strict;
create index idempotency_user_id on idempotency (user_id);
create index idempotency_expires_at on idempotency (expires_at);
