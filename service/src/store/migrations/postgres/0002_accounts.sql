create table users (
    id            uuid primary key,
    email         text not null unique,
    password_hash text not null,
    role          text not null,
    created_at    timestamptz not null,
    disabled_at   timestamptz
);

create table sessions (
    id         uuid primary key,
    user_id    uuid not null references users (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index sessions_user_id on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- A used token stays as long as its session: only so is its second use seen.
create table refresh_tokens (
    hash       bytea primary key,
    session_id uuid not null references sessions (id) on delete cascade,
    used_at    timestamptz
);
create index refresh_tokens_session_id on refresh_tokens (session_id);

create table api_keys (
    id           uuid primary key,
    user_id      uuid not null references users (id) on delete cascade,
    name         text not null,
    prefix       text not null,
    hash         bytea not null unique,
    scopes       text not null,
    created_at   timestamptz not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_keys_user_id on api_keys (user_id);

-- Refers to nothing: it outlives the session or key, and the user too.
create table revocations (
    id         uuid primary key,
    revoked_at timestamptz not null,
    expires_at timestamptz not null
);
create index revocations_revoked_at on revocations (revoked_at);

create table invites (
    hash       bytea primary key,
    created_by uuid not null references users (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index invites_created_by on invites (created_by);

create table audit_log (
    id      uuid primary key,
    at      timestamptz not null,
    actor   text not null,
    action  text not null,
    subject text not null,
    detail  jsonb not null
);

create table provider_keys (
    id                uuid primary key,
    provider          text not null unique,
    value_nonce       bytea not null,
    value_ciphertext  bytea not null,
    master_id         text not null,
    key_nonce         bytea not null,
    key_ciphertext    bytea not null,
    created_at        timestamptz not null
);

-- Whose an analysis is; nobody's where it was asked for without a credential.
alter table analyses add column user_id uuid references users (id) on delete cascade;
create index analyses_user_id on analyses (user_id, id desc);
