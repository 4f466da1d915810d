-- Times are microseconds since 1970, which sort; those of `analyses` are text.
create table users (
    id            blob primary key,
    email         text not null unique,
    password_hash text not null,
    role          text not null,
    created_at    integer not null,
    disabled_at   integer
) strict;

create table sessions (
    id         blob primary key,
    user_id    blob not null references users (id) on delete cascade,
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer
) strict;
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- A used token stays as long as its session: only so is its second use seen.
create table refresh_tokens (
    hash       blob primary key,
    session_id blob not null references sessions (id) on delete cascade,
    used_at    integer
) strict;
create index refresh_tokens_session_id on refresh_tokens (session_id);

create table api_keys (
    id           blob primary key,
    user_id      blob not null references users (id) on delete cascade,
    name         text not null,
    prefix       text not null,
    hash         blob not null unique,
    scopes       text not null,
    created_at   integer not null,
    expires_at   integer,
    last_used_at integer,
    revoked_at   integer
) strict;
create index api_keys_user_id on api_keys (user_id);

-- Refers to nothing: it outlives the session or key, and the user too.
create table revocations (
    id         blob primary key,
    revoked_at integer not null,
    expires_at integer not null
) strict;
create index revocations_revoked_at on revocations (revoked_at);

create table invites (
    hash       blob primary key,
    created_by blob not null references users (id) on delete cascade,
    created_at integer not null,
    expires_at integer not null
) strict;
create index invites_created_by on invites (created_by);

create table audit_log (
    id      blob primary key,
    at      integer not null,
    actor   text not null,
    action  text not null,
    subject text not null,
    detail  text not null
) strict;

create table provider_keys (
    id                blob primary key,
    provider          text not null unique,
    value_nonce       blob not null,
    value_ciphertext  blob not null,
    master_id         text not null,
    key_nonce         blob not null,
    key_ciphertext    blob not null,
    created_at        integer not null
) strict;

-- Whose an analysis is; nobody's where it was asked for without a credential.
alter table analyses add column user_id blob references users (id) on delete cascade;
create index analyses_user_id on analyses (user_id, id desc);
