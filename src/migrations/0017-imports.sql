-- Imports are jobs: a row says where the tasks come from, how far the work is, and why it failed.
alter table task_import alter column file_key drop not null;
alter table task_import
  -- {"kind": "file"}, or what the address of the rows is
  add column source jsonb not null default '{"kind": "file"}',
  add column is_automatic boolean not null default false,
  add column bytes bigint,
  add column bytes_done bigint not null default 0,
  add column n_rows_done integer not null default 0,
  add column n_problems integer,
  -- all problems of a list, as a CSV file
  add column report_key text,
  add column error text,
  add column started timestamptz;
alter table task_import drop constraint task_import_state_check;
alter table task_import add constraint task_import_state_check
  check (state in ('fetching', 'draft', 'waiting', 'running', 'done', 'failed'));

-- A project's daily import; one at most.
create table import_schedule (
  project_id bigint primary key references project on delete cascade,
  user_id bigint not null references user_account on delete cascade,
  source jsonb not null,
  -- as of an import: what columns become, and the redundancy
  options jsonb not null default '{}',
  last_import_id bigint,
  -- what went wrong the last time, and whether the owner was told of it by mail
  error text,
  is_told boolean not null default false,
  created timestamptz not null default now()
);
create index import_schedule_user on import_schedule (user_id);
