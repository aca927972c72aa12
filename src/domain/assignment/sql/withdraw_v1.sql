-- A contributor takes their last answer back, within the project's undo time: the run stays as history, and its task
-- is in their hand again, before all others. A task it completed is open again, but only while nobody has been told.
--
-- outcome: withdrawn, not_found, not_last, too_late, announced.
create function withdraw_v1(p_project bigint, p_contributor bigint, p_run bigint, out outcome text, out task bigint)
language plpgsql as $$
declare
  r task_run%rowtype;
  s task_sched%rowtype;
  v_undo interval;
  v_ttl interval;
  v_runs integer;
  v_reopens boolean;
begin
  select make_interval(secs => undo_seconds), make_interval(secs => coalesce(lease_now, lease_seconds))
    into v_undo, v_ttl from project where id = p_project;
  select n_runs into v_runs from contributor_project
   where contributor_id = p_contributor and project_id = p_project for update;
  select task_id into task from task_run
   where id = p_run and contributor_id = p_contributor and project_id = p_project and withdrawn is null;
  if not found then outcome := 'not_found'; return; end if;
  if p_run <> (select id from task_run where contributor_id = p_contributor and project_id = p_project
                  and withdrawn is null order by id desc limit 1) then
    outcome := 'not_last'; return;
  end if;

  select * into s from task_sched where task_id = task for update;
  select * into r from task_run where id = p_run for update;
  if r.finish_time < clock_timestamp() - v_undo then outcome := 'too_late'; return; end if;

  v_reopens := r.counted and s.done_by is not null;
  if v_reopens then
    delete from outbox o using result x
     where x.task_id = task and x.last_version and o.id = x.event_id
       and o.enqueued is null and o.done is null and o.failed is null;
    if not found then outcome := 'announced'; return; end if;
    delete from result where task_id = task and last_version;
    update task t set state = 'ongoing' where t.id = task;
  end if;
  update task_run set withdrawn = clock_timestamp(), withdrawn_by = 'contributor' where id = p_run;
  -- The place of a counted run stays taken: the contributor holds it again.
  update task_sched
     set n_runs = n_runs - r.counted::int, n_extra = n_extra - (not r.counted)::int,
         done_by = case when v_reopens then null else done_by end,
         open = not calibrates and (done_by is null or v_reopens) and n_taken < n_answers
   where task_id = task;
  insert into lease (contributor_id, project_id, task_id, seq, requested, expires, holds_place)
  overriding system value
  select p_contributor, p_project, task,
         coalesce((select min(seq) from lease where contributor_id = p_contributor and project_id = p_project), 1) - 1,
         r.created, now() + v_ttl, r.counted;
  update contributor_project
     set n_runs = n_runs - 1, n_scored = n_scored - (r.score is not null)::int,
         score_sum = score_sum - coalesce(r.score, 0), empty_until = '-infinity'
   where contributor_id = p_contributor and project_id = p_project;
  insert into project_delta (project_id, n_task_runs, n_extra, n_completed_tasks, n_contributors)
  values (p_project, -r.counted::int, -(not r.counted and not s.calibrates)::int, -v_reopens::int, -(v_runs = 1)::int);
  outcome := 'withdrawn';
end $$;
