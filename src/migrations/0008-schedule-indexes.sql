-- no transaction
create index concurrently if not exists task_sched_project on task_sched (project_id, task_id);
create index concurrently if not exists task_sched_calibration on task_sched (project_id, task_id) where calibrates;
