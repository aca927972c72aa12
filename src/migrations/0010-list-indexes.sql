-- no transaction
-- What lists of the API are found by. None on task runs: every submission would pay for it.
-- Content and words share one: the last task run of a task adds to every index of it.
create index concurrently if not exists task_content on task using gin (
  info jsonb_path_ops,
  (case when octet_length(info::text) < 250000
        then jsonb_to_tsvector('english', info, '["string", "numeric", "boolean"]') end));
create index concurrently if not exists task_created on task (project_id, created, id);
create index concurrently if not exists contributor_made_up_ip on contributor (made_up_ip);
create index concurrently if not exists contributor_external_uid on contributor (external_uid);
-- Results that an analysis has filled: statistics count them.
create index concurrently if not exists result_filled on result (project_id) where info is not null;
alter table user_account add column if not exists privacy_mode boolean not null default true;
