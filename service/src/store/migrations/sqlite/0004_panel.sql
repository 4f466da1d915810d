-- What a panel's result tells beside its answer. `cost` is in millionths. Rows from before say nothing of it.
alter table analyses add column messages text not null default '[]';
alter table analyses add column members text not null default '[]';
alter table analyses add column verdict text;
alter table analyses add column chosen text;
alter table analyses add column skipped text not null default '[]';
alter table analyses add column cost integer not null default 0;
