alter table project
  add column calibration_rate real not null default 0 check (calibration_rate between 0 and 0.9),
  -- how long a contributor may take the last answer back
  add column undo_seconds integer not null default 30 check (undo_seconds between 0 and 600),
  -- what leases run for near the end of the project, when that is less than lease_seconds
  add column lease_now integer,
  add constraint project_scheduler check (scheduler in
    ('default', 'depth_first', 'breadth_first', 'depth_first_all', 'random', 'locked', 'incremental'));

-- The answer that its owner knows: tasks with calibration <> 0 are scored by it and never count as the project's own.
alter table task add column expected_info jsonb;

alter table task_sched
  -- the letter of the order that ord is made for, and whether the task is for calibration
  add column sched "char" not null default 'd',
  add column calibrates boolean not null default false;

alter table task_run add column score real;
-- The completion event of a result, for as long as the completing answer can be withdrawn.
alter table result add column event_id bigint;

alter table contributor_project
  -- under random: 0 from the own start on, 1 up to it, 2 at the end of a priority
  add column cur_lap smallint not null default 2,
  -- under depth_first_all: the last finished task looked at
  add column cur_done bigint not null default 0,
  -- when the front was last looked at
  add column cur_peeked timestamptz not null default now(),
  add column n_scored integer not null default 0,
  add column score_sum double precision not null default 0;

alter table project_delta add column n_calibration_tasks integer not null default 0;
alter table project_total add column n_calibration_tasks bigint not null default 0;

-- include ../domain/assignment/sql/order_v1.sql
-- include ../domain/assignment/sql/take_tasks_v1.sql
-- include ../domain/assignment/sql/submit_v2.sql
-- include ../domain/assignment/sql/give_back_v1.sql
-- include ../domain/assignment/sql/request_task_v2.sql
-- include ../domain/assignment/sql/withdraw_v1.sql
-- include ../domain/assignment/sql/reconcile_v1.sql

-- Tasks that were marked for calibration before they were treated so.
do $$
declare
  k record;
begin
  for k in select project_id, array_agg(id) as ids from task where calibration <> 0 group by 1 loop
    perform lock_tasks_v1(k.ids);
    perform reconcile_v1(k.project_id, k.ids, null);
  end loop;
end $$;
