-- no transaction
-- What lists of the API are found by: docs/reads-and-writes.md says which.
create index concurrently if not exists task_info on task using gin (info jsonb_path_ops);
create index concurrently if not exists task_words on task using gin ((case when octet_length(info::text) < 250000
  then jsonb_to_tsvector('english', info, '["string", "numeric", "boolean"]') end));
create index concurrently if not exists task_created on task (project_id, created, id);
-- Times follow the ids closely, and this costs an insert nothing.
create index concurrently if not exists task_run_times on task_run using brin (created, finish_time);
create index concurrently if not exists contributor_made_up_ip on contributor (made_up_ip);
create index concurrently if not exists contributor_external_uid on contributor (external_uid);
-- Results that an analysis has filled: statistics count them.
create index concurrently if not exists result_filled on result (project_id) where info is not null;
alter table user_account add column if not exists privacy_mode boolean not null default true;
