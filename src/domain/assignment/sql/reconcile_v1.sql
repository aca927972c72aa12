-- What everybody locks who changes the rules of tasks, before the change: leases, then task_sched.
create function lock_tasks_v1(p_tasks bigint[]) returns void language sql as $$
  select from lease l join unnest(p_tasks) as t (id) on l.task_id = t.id
   where l.holds_place order by l.task_id, l.contributor_id for update of l;
  select from task_sched s join unnest(p_tasks) as t (id) on s.task_id = t.id order by s.task_id for update of s;
$$;

-- Makes everything about some tasks agree again with what their rows in `task`, their runs and their leases say: what
-- counts, who holds a place, counters, order, results, state and totals. Called in the transaction that changed the
-- rules, with the tasks locked by lock_tasks_v1.
--
-- The runs that counted stay counted, the earliest first, and extra ones are counted when there is room for them; the
-- newest leases lose their places when there is not. A task that is completed by this is announced.
-- It fails with 40001, to be tried again, when a lease that has to lose its place is being answered at this moment.
create function reconcile_v1(
  p_project bigint, p_tasks bigint[], p_request_id text,
  out n_closed integer, out n_reopened integer, out n_became_extra integer, out n_became_counted integer,
  out n_places_back integer
) language plpgsql as $$
declare
  v_kind "char";
  b record;
  a record;
begin
  select order_kind_v1(scheduler) into v_kind from project where id = p_project;
  select count(*) filter (where not calibrates) as tasks, coalesce(sum(n_answers) filter (where not calibrates), 0) as wanted,
         coalesce(sum(n_runs) filter (where not calibrates), 0) as runs,
         coalesce(sum(n_extra) filter (where not calibrates), 0) as extra,
         count(*) filter (where done_by is not null) as completed, count(*) filter (where calibrates) as calibrates
    into b from task_sched s join unnest(p_tasks) as x (id) on s.task_id = x.id;

  with held as (
    select l.task_id, count(*) as n from lease l join unnest(p_tasks) as x (id) on l.task_id = x.id
     where l.holds_place group by 1),
  ranked as (
    select r.id, r.counted, t.calibration, t.n_answers,
           row_number() over (partition by r.task_id order by r.counted desc, r.id) as place,
           count(*) filter (where r.counted) over (partition by r.task_id) as n_counted,
           coalesce(h.n, 0) as n_held
      from unnest(p_tasks) as x (id) join task t on t.id = x.id join task_run r on r.task_id = t.id
      left join held h on h.task_id = r.task_id
     where r.withdrawn is null),
  changed as (
    update task_run r set counted = not k.counted
      from ranked k
     where r.id = k.id
       and k.counted <> (k.calibration = 0
                         and k.place <= least(k.n_answers, greatest(k.n_counted, k.n_answers - k.n_held)))
    returning r.counted)
  select count(*) filter (where not counted), count(*) filter (where counted)
    into n_became_extra, n_became_counted from changed;

  with room as (
    select t.id, case when t.calibration <> 0 then 0 else t.n_answers end
             - (select count(*) from task_run r where r.task_id = t.id and r.counted and r.withdrawn is null) as n
      from unnest(p_tasks) as x (id) join task t on t.id = x.id),
  ranked as (
    select l.contributor_id, l.project_id, l.task_id, room.n,
           row_number() over (partition by l.task_id order by l.seq) as place
      from lease l join room on room.id = l.task_id where l.holds_place),
  surplus as materialized (
    select l.contributor_id, l.project_id, l.task_id
      from lease l join ranked k using (contributor_id, project_id, task_id)
     where k.place > k.n for update of l skip locked),
  freed as (
    update lease l set holds_place = false, expires = least(l.expires, now()) from surplus u
     where l.contributor_id = u.contributor_id and l.project_id = u.project_id and l.task_id = u.task_id
    returning 1)
  select count(*) into n_places_back from freed;

  if exists (select from unnest(p_tasks) as x (id) join task t on t.id = x.id
              where (select count(*) from task_run r where r.task_id = t.id and r.counted and r.withdrawn is null)
                    + (select count(*) from lease l where l.task_id = t.id and l.holds_place)
                    > case when t.calibration <> 0 then 0 else t.n_answers end) then
    raise exception 'a lease that has to lose its place is being answered' using errcode = '40001';
  end if;

  with actual as (
    select t.id, t.n_answers, t.priority_0, t.calibration <> 0 as calibrates,
           count(r.id) filter (where r.counted) as runs, count(r.id) filter (where not r.counted) as extra,
           max(r.id) filter (where r.counted) as last_run,
           (select count(*) from lease l where l.task_id = t.id and l.holds_place) as held
      from unnest(p_tasks) as x (id) join task t on t.id = x.id
      left join task_run r on r.task_id = t.id and r.withdrawn is null
     group by t.id)
  update task_sched s
     set n_answers = k.n_answers, nprio = -k.priority_0, calibrates = k.calibrates,
         n_runs = k.runs, n_extra = k.extra, n_taken = k.runs + k.held,
         done_by = case when k.runs >= k.n_answers and not k.calibrates
                        then coalesce((select r.id from task_run r
                                        where r.id = s.done_by and r.counted and r.withdrawn is null), k.last_run) end,
         open = not k.calibrates and k.runs + k.held < k.n_answers,
         sched = v_kind, ord = order_key_v1(v_kind, s.task_id, (k.runs + k.held)::int)
    from actual k where s.task_id = k.id;

  -- A result that does not list the counted runs any more becomes an older version.
  with wanted as (
    select s.task_id, s.done_by,
           (select array_agg(r.id order by r.id) from task_run r
             where r.task_id = s.task_id and r.counted and r.withdrawn is null) as runs
      from task_sched s join unnest(p_tasks) as x (id) on s.task_id = x.id),
  retired as (
    update result o set last_version = false from wanted w
     where o.task_id = w.task_id and o.last_version and (w.done_by is null or o.task_run_ids <> w.runs)
    returning o.event_id, w.done_by)
  delete from outbox o using retired x
   where x.done_by is null and o.id = x.event_id and o.enqueued is null and o.done is null and o.failed is null;

  with turned as (
    update task t set state = case when s.done_by is null then 'ongoing' else 'completed' end
      from task_sched s join unnest(p_tasks) as x (id) on s.task_id = x.id
     where t.id = s.task_id and (t.state = 'completed') <> (s.done_by is not null)
    returning t.id, t.state),
  told as (
    insert into outbox (job, payload, request_id)
    select 'note-task-completed', jsonb_build_object('projectId', p_project, 'taskId', t.id), p_request_id
      from turned t where t.state = 'completed')
  select count(*) filter (where state = 'completed'), count(*) filter (where state = 'ongoing')
    into n_closed, n_reopened from turned;

  insert into result (project_id, task_id, task_run_ids)
  select p_project, s.task_id, (select array_agg(r.id order by r.id) from task_run r
                                 where r.task_id = s.task_id and r.counted and r.withdrawn is null)
    from task_sched s join unnest(p_tasks) as x (id) on s.task_id = x.id
   where s.done_by is not null
     and not exists (select from result o where o.task_id = s.task_id and o.last_version);

  select count(*) filter (where not calibrates) as tasks, coalesce(sum(n_answers) filter (where not calibrates), 0) as wanted,
         coalesce(sum(n_runs) filter (where not calibrates), 0) as runs,
         coalesce(sum(n_extra) filter (where not calibrates), 0) as extra,
         count(*) filter (where done_by is not null) as completed, count(*) filter (where calibrates) as calibrates
    into a from task_sched s join unnest(p_tasks) as x (id) on s.task_id = x.id;
  insert into project_delta (project_id, n_tasks, n_wanted, n_task_runs, n_extra, n_completed_tasks, n_calibration_tasks)
  values (p_project, a.tasks - b.tasks, a.wanted - b.wanted, a.runs - b.runs, a.extra - b.extra,
          a.completed - b.completed, a.calibrates - b.calibrates);
  update project set sched_epoch = sched_epoch + 1 where id = p_project;
end $$;
