-- no transaction
-- What a task's task runs and results were: exports that show tasks beside them look it up task by task.
create index concurrently if not exists row_version_task on row_version (project_id, noun, ((record ->> 'task_id')::bigint))
  where noun in ('task_run', 'result');
