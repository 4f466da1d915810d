-- What a panel's result tells beside its answer. `cost` is in millionths. Rows from before say nothing of it.
alter table analyses
    add column messages jsonb not null default '[]',
    add column members  jsonb not null default '[]',
    add column verdict  jsonb,
    add column chosen   jsonb,
    add column skipped  jsonb not null default '[]',
    add column cost     bigint not null default 0;
