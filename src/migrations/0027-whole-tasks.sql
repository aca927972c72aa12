-- no transaction
-- With the unique indexes of what stands: all task runs and results of a task, where one is deleted.
create index concurrently if not exists task_run_withdrawn on task_run (task_id) where withdrawn is not null;
create index concurrently if not exists result_former on result (task_id) where not last_version;
