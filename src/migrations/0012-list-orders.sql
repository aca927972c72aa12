-- no transaction
create index concurrently if not exists task_run_finished on task_run (project_id, finish_time, id);
create index concurrently if not exists task_priority on task (project_id, priority_0, id);
create index concurrently if not exists task_calibration on task (project_id, id) where calibration <> 0;
-- Whether a task is done is found by what the scheduler knows of it. An index on task.state gave every task that is
-- completed a new entry in all indexes of task, its words among them; with room in its block it now gets none.
create index concurrently if not exists task_sched_ongoing on task_sched (project_id, task_id) where done_by is null;
create index concurrently if not exists task_sched_done on task_sched (project_id, task_id) where done_by is not null;
drop index concurrently if exists task_project_state;
alter table task set (fillfactor = 85);
-- include ../domain/assignment/sql/score_v2.sql
