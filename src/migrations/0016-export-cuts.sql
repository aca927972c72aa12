-- An export is defined by a cut: one pg_snapshot, kept in its row. What a cut shows stays readable while people change
-- things: rows name the transaction that wrote them, and what they were before is kept for a while.

-- Rows that are there already are as old as this migration.
alter table task add column xid xid8 not null default pg_current_xact_id();
alter table result add column xid xid8 not null default pg_current_xact_id();

create table row_version (
  noun text not null,
  row_id bigint not null,
  project_id bigint not null,
  -- the transaction that wrote this version, and the one that replaced or deleted it
  xid xid8 not null,
  ended_by xid8 not null default pg_current_xact_id(),
  ended timestamptz not null default now(),
  record jsonb not null
);
create index row_version_project on row_version (project_id, noun, ended_by);
create index row_version_row on row_version (project_id, noun, row_id);
create index row_version_ended on row_version (ended);

-- Triggers, because a path that forgets to keep the past would make exports wrong without anybody seeing it.
-- include ../domain/exports/sql/keep_version_v1.sql

-- include ../domain/exports/sql/keep_deleted_v1.sql

-- The columns that exports show. Whether a task is completed is told by its result, so that completing one, the
-- commonest change, keeps no copy of it.
create trigger keep_version before update of n_answers, priority_0, quorum, calibration, fav_user_ids, info on task
  for each row execute function keep_version_v1();
create trigger keep_version before update of contributor_id, info, timeout, calibration, media_url, withdrawn on task_run
  for each row execute function keep_version_v1();
create trigger keep_version before update of task_run_ids, last_version, info on result
  for each row execute function keep_version_v1();
create trigger keep_deleted after delete on task referencing old table as gone
  for each statement execute function keep_deleted_v1();
create trigger keep_deleted after delete on task_run referencing old table as gone
  for each statement execute function keep_deleted_v1();
create trigger keep_deleted after delete on result referencing old table as gone
  for each statement execute function keep_deleted_v1();

alter table project_export
  -- what was visible when it was begun first; a run after a crash exports the same
  add column cut pg_snapshot,
  -- a delta: only what this cut did not show
  add column since pg_snapshot,
  -- asked for by a person, by a subscription, or kept ready for PyBossa's address
  add column origin text not null default 'asked' check (origin in ('asked', 'subscription', 'ready')),
  add column subscription_id bigint,
  -- when the run that is at work began
  add column run_started timestamptz;
alter table project_export drop constraint project_export_what_check;
alter table project_export add constraint project_export_what_check
  check (what in ('task', 'task_run', 'result', 'combined', 'wide'));
alter table project_export drop constraint project_export_format_check;
alter table project_export add constraint project_export_format_check
  check (format in ('csv', 'json', 'ndjson', 'coco', 'geojson', 'webannotation', 'webvtt'));
drop index project_export_unfinished;
create unique index project_export_unfinished
  on project_export (project_id, user_id, what, format, origin, coalesce(subscription_id, 0))
  where state in ('waiting', 'running');
create index project_export_ready on project_export (project_id, what, format, id) where origin = 'ready';

create table export_subscription (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  user_id bigint not null references user_account,
  what text not null check (what in ('task', 'task_run', 'result', 'combined', 'wide')),
  format text not null check (format in ('csv', 'json', 'ndjson')),
  period text not null check (period in ('hourly', 'daily', 'weekly')),
  is_delta boolean not null default false,
  by_mail boolean not null default true,
  -- what the last export showed: the next delta begins there
  last_cut pg_snapshot,
  last_taken timestamptz,
  next_due timestamptz not null,
  created timestamptz not null default now(),
  unique (project_id, user_id, what, format, period, is_delta)
);
create index export_subscription_due on export_subscription (next_due);
