-- What owners see of a task.
create table task (
  id bigint generated always as identity primary key,
  project_id bigint not null,
  state text not null default 'ongoing' check (state in ('ongoing', 'completed')),
  n_answers integer not null default 30 check (n_answers between 1 and 10000),
  priority_0 double precision not null default 0,
  quorum integer not null default 0,
  calibration smallint not null default 0,
  fav_user_ids bigint[],
  info jsonb,
  -- checksum of the content: the same row imported twice is found without comparing documents
  info_hash bytea,
  created timestamptz not null default now()
);
create index task_project on task (project_id, id);
create index task_project_state on task (project_id, state, id);
create index task_info_hash on task (project_id, info_hash);

-- What the scheduler needs of a task: narrow and hot.
-- Always n_runs <= n_taken <= n_answers; answers beyond are n_extra.
create table task_sched (
  task_id bigint primary key,
  project_id bigint not null,
  nprio real not null default 0,
  ord integer not null default 0,
  n_answers integer not null,
  n_runs integer not null default 0,
  n_taken integer not null default 0,
  n_extra integer not null default 0,
  done_by bigint,
  open boolean not null default true,
  check (n_runs <= n_taken and n_taken <= n_answers)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- A full task leaves the index, so nobody steps over it. The predicate names only "open": every column
-- named in a predicate counts as indexed, and an update of an indexed column is not HOT.
create index task_sched_open on task_sched (project_id, nprio, ord, task_id) where open;

-- The row is the request; holds_place says whether it reserves a place as well.
create table lease (
  contributor_id bigint not null,
  project_id bigint not null,
  task_id bigint not null,
  seq bigint generated always as identity,
  requested timestamptz not null default now(),
  expires timestamptz not null,
  holds_place boolean not null,
  skipped boolean not null default false,
  primary key (contributor_id, project_id, task_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index lease_expiry on lease (expires) where holds_place;
create index lease_proof_age on lease (requested) where not holds_place;
create index lease_task on lease (task_id);

create table contributor_project (
  contributor_id bigint not null,
  project_id bigint not null,
  n_runs integer not null default 0,
  cur_nprio real not null default '-Infinity',
  cur_ord integer not null default -2147483648,
  cur_task bigint not null default 0,
  cur_epoch integer not null default 0,
  cur_reset timestamptz not null default now(),
  -- this pass began at the front: at its end there is nothing left for this contributor
  cur_from_front boolean not null default true,
  empty_until timestamptz not null default '-infinity',
  primary key (contributor_id, project_id)
) with (fillfactor = 70);
create index contributor_project_project on contributor_project (project_id);

create table task_run (
  id bigint generated always as identity primary key,
  project_id bigint not null,
  task_id bigint not null,
  contributor_id bigint not null references contributor,
  -- when the task was requested, and when it was answered
  created timestamptz not null,
  finish_time timestamptz not null default now(),
  info jsonb,
  timeout integer,
  calibration smallint,
  media_url text,
  counted boolean not null,
  idempotency_key text,
  presenter_version bigint,
  xid xid8 not null default pg_current_xact_id(),
  withdrawn timestamptz,
  withdrawn_by text
);
create unique index task_run_once on task_run (task_id, contributor_id) where withdrawn is null;
create index task_run_project on task_run (project_id, id);
create index task_run_contributor on task_run (contributor_id, id);

create table result (
  id bigint generated always as identity primary key,
  project_id bigint not null,
  task_id bigint not null,
  task_run_ids bigint[] not null,
  last_version boolean not null default true,
  info jsonb,
  created timestamptz not null default now()
);
create unique index result_task on result (task_id) where last_version;
create index result_project on result (project_id, id);

-- Totals without a hot row: submit appends, one worker folds each second.
create table project_delta (
  id bigint generated always as identity primary key,
  project_id bigint not null,
  n_tasks integer not null default 0,
  -- task runs wanted: the sum of all redundancies
  n_wanted integer not null default 0,
  n_completed_tasks integer not null default 0,
  n_task_runs integer not null default 0,
  n_extra integer not null default 0,
  n_contributors integer not null default 0,
  created timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0.02);

create table project_total (
  project_id bigint primary key,
  n_tasks bigint not null default 0,
  n_wanted bigint not null default 0,
  n_completed_tasks bigint not null default 0,
  n_task_runs bigint not null default 0,
  n_extra bigint not null default 0,
  n_contributors bigint not null default 0,
  last_activity timestamptz
);
