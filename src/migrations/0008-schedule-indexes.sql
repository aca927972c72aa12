-- no transaction
create index concurrently task_sched_project on task_sched (project_id, task_id);
create index concurrently task_sched_calibration on task_sched (project_id, task_id) where calibrates;
