-- How well an answer to a calibration task fits the one its owner knows, from 0 to 1: the share of the known fields
-- that are the same, or all or nothing where the known answer is no object.
create function score_v1(p_known jsonb, p_info jsonb) returns real language sql immutable as $$
  select case
    when p_known is null then null
    when jsonb_typeof(p_known) <> 'object' or p_known = '{}' then (p_known = p_info)::int::real
    else (select (count(*) filter (where p_info -> key = value))::real / count(*) from jsonb_each(p_known))
  end
$$;

-- Stores one contributor's task run. It counts when its lease still holds a place or a place is free; else it is
-- kept as extra. Exactly one counted run completes the task, and writes its result and its completion event, which
-- waits for as long as the run can be withdrawn. A calibration task takes no places: its runs are scored instead.
--
-- outcome: stored, completed, replayed (same idempotency key: the first run again), duplicate, not_requested,
-- invalid_task, invalid_project, anonymous_refused.
create function submit_v2(
  p_project bigint, p_task bigint, p_contributor bigint, p_anonymous boolean, p_info jsonb, p_key text,
  p_presenter bigint, p_timeout integer, p_calibration smallint, p_media_url text, p_request_id text,
  out outcome text, out run_id bigint, out run_created timestamptz, out run_finish_time timestamptz,
  out run_counted boolean
) language plpgsql as $$
declare
  v_project bigint;
  v_calibrates boolean;
  v_score real;
  v_lease lease%rowtype;
  v_runs_before integer;
  s task_sched%rowtype;
  v_new_place integer;
  v_completes boolean;
  v_event bigint;
begin
  select project_id, calibrates into v_project, v_calibrates from task_sched where task_id = p_task;
  if v_project is null then outcome := 'invalid_task'; return; end if;
  if v_project <> p_project then outcome := 'invalid_project'; return; end if;
  if p_anonymous and not (select allow_anonymous_contributors from project where id = p_project) then
    outcome := 'anonymous_refused'; return;
  end if;

  -- One writing call at a time for a contributor and project; every contributor who requested has this row.
  select n_runs into v_runs_before from contributor_project
   where contributor_id = p_contributor and project_id = p_project for update;
  if not found then outcome := 'not_requested'; return; end if;

  select * into v_lease from lease
   where contributor_id = p_contributor and project_id = p_project and task_id = p_task for update;
  if not found then
    select case when p_key is not null and idempotency_key = p_key then 'replayed' else 'duplicate' end,
           id, created, finish_time, counted
      into outcome, run_id, run_created, run_finish_time, run_counted
      from task_run where task_id = p_task and contributor_id = p_contributor and withdrawn is null;
    if not found then outcome := 'not_requested'; end if;
    return;
  end if;

  if v_calibrates then
    select score_v1(expected_info, p_info) into v_score from task where id = p_task;
  end if;
  insert into task_run (project_id, task_id, contributor_id, created, finish_time, info, timeout, calibration,
                        media_url, counted, idempotency_key, presenter_version, score)
  values (p_project, p_task, p_contributor, v_lease.requested, clock_timestamp(), p_info, p_timeout, p_calibration,
          p_media_url, v_lease.holds_place, p_key, p_presenter, v_score)
  on conflict (task_id, contributor_id) where withdrawn is null do nothing
  returning id, created, finish_time into run_id, run_created, run_finish_time;
  if run_id is null then
    select case when p_key is not null and idempotency_key = p_key then 'replayed' else 'duplicate' end,
           id, created, finish_time, counted
      into outcome, run_id, run_created, run_finish_time, run_counted
      from task_run where task_id = p_task and contributor_id = p_contributor and withdrawn is null;
    return;
  end if;
  delete from lease where contributor_id = p_contributor and project_id = p_project and task_id = p_task;
  update contributor_project
     set n_runs = n_runs + 1, n_scored = n_scored + (v_score is not null)::int,
         score_sum = score_sum + coalesce(v_score, 0), empty_until = '-infinity'
   where contributor_id = p_contributor and project_id = p_project;

  -- The contended row comes last.
  select * into s from task_sched where task_id = p_task for update;
  if not found then
    raise exception 'the task was deleted at this moment' using errcode = '40001';
  end if;
  run_counted := not s.calibrates and (v_lease.holds_place or s.n_taken < s.n_answers);
  v_new_place := case when run_counted and not v_lease.holds_place then 1 else 0 end;
  v_completes := run_counted and s.done_by is null and s.n_runs + 1 >= s.n_answers;
  update task_sched
     set n_runs = n_runs + run_counted::int,
         n_taken = n_taken + v_new_place,
         n_extra = n_extra + (not run_counted)::int,
         ord = case when sched = 'b' then n_taken + v_new_place else ord end,
         done_by = case when v_completes then run_id else done_by end,
         open = not s.calibrates and not v_completes and done_by is null and n_taken + v_new_place < n_answers
   where task_id = p_task;
  if run_counted <> v_lease.holds_place then
    update task_run set counted = run_counted where id = run_id;
  end if;

  if v_completes then
    update task set state = 'completed' where id = p_task;
    insert into outbox (job, payload, request_id, not_before)
    select 'note-task-completed', jsonb_build_object('projectId', p_project, 'taskId', p_task), p_request_id,
           now() + make_interval(secs => undo_seconds)
      from project where id = p_project
    returning id into v_event;
    insert into result (project_id, task_id, task_run_ids, event_id)
    select p_project, p_task, array_agg(id order by id), v_event
      from task_run where task_id = p_task and counted and withdrawn is null;
  end if;
  insert into project_delta (project_id, n_task_runs, n_extra, n_completed_tasks, n_contributors)
  values (p_project, run_counted::int, (not run_counted and not s.calibrates)::int, v_completes::int,
          (v_runs_before = 0)::int);
  outcome := case when v_completes then 'completed' else 'stored' end;
end $$;

-- submit_v2, and the contributor's next task besides, durable together: one call and one commit. has_more says that
-- the search for a next task was not finished.
create function submit_next_v1(
  p_project bigint, p_task bigint, p_contributor bigint, p_anonymous boolean, p_info jsonb, p_key text,
  p_presenter bigint, p_timeout integer, p_calibration smallint, p_media_url text, p_request_id text,
  p_limit integer, p_offset integer, p_budget integer,
  out outcome text, out run_id bigint, out run_created timestamptz, out run_finish_time timestamptz,
  out run_counted boolean, out task_ids bigint[], out has_more boolean
) language plpgsql as $$
begin
  select s.* into outcome, run_id, run_created, run_finish_time, run_counted
    from submit_v2(p_project, p_task, p_contributor, p_anonymous, p_info, p_key, p_presenter, p_timeout,
                   p_calibration, p_media_url, p_request_id) s;
  if outcome in ('stored', 'completed', 'replayed') then
    select t.task_ids, t.has_more into task_ids, has_more
      from take_tasks_v1(p_project, p_contributor, p_limit, p_offset, p_budget, false) t;
  end if;
end $$;
