-- Every job begins as a row here, written by the transaction that makes it necessary.
create table outbox (
  id bigint generated always as identity primary key,
  job text not null,
  payload jsonb not null,
  -- at most one row with the same name and key: what a schedule's slot fires
  once text,
  request_id text,
  -- when the relay hands the row to the queue servers; each sign of life moves it on
  not_before timestamptz not null default now(),
  created timestamptz not null default now(),
  enqueued timestamptz,
  -- how often it was begun
  attempts integer not null default 0,
  -- the run that has it, and until when without a further sign of life
  holder uuid,
  held_until timestamptz,
  done timestamptz,
  failed timestamptz,
  error text,
  unique (job, once)
);
create index outbox_unfinished on outbox (not_before, id) where done is null and failed is null;

create table schedule_slot (
  task text not null,
  slot timestamptz not null,
  fired timestamptz not null default now(),
  primary key (task, slot)
);

create table mail (
  id bigint generated always as identity primary key,
  recipient text not null,
  subject text not null,
  text_body text not null,
  html_body text not null,
  request_id text,
  created timestamptz not null default now(),
  sent timestamptz,
  provider_message_id text,
  error text
);
create index mail_recipient on mail (lower(recipient), id);

create table task_import (
  id bigint generated always as identity primary key,
  -- no foreign key: the row outlives its project until the nightly clean-up has removed its file
  project_id bigint not null,
  user_id bigint not null references user_account,
  importer text not null,
  file_name text not null,
  file_key text not null,
  options jsonb not null default '{}',
  state text not null default 'draft' check (state in ('draft', 'done')),
  n_rows integer,
  n_added integer,
  n_skipped integer,
  created timestamptz not null default now(),
  finished timestamptz
);
create index task_import_project on task_import (project_id, id);

create table project_export (
  id bigint generated always as identity primary key,
  -- no foreign key: the row outlives its project until the nightly clean-up has removed its file
  project_id bigint not null,
  user_id bigint not null references user_account,
  what text not null check (what in ('task', 'task_run', 'result')),
  format text not null check (format in ('csv', 'json')),
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  -- where it ends, remembered by its first run: a run after a crash exports the same rows
  last_id bigint,
  n_rows bigint,
  n_rows_done bigint not null default 0,
  file_key text,
  file_name text,
  bytes bigint,
  sha256 text,
  error text,
  created timestamptz not null default now(),
  started timestamptz,
  finished timestamptz,
  expires timestamptz
);
create index project_export_project on project_export (project_id, id);
create unique index project_export_unfinished on project_export (project_id, user_id, what, format)
  where state in ('waiting', 'running');
create index project_export_file on project_export (expires) where file_key is not null;
