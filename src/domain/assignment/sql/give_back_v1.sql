-- Places of tasks go back, one each time a task is named. Whoever calls this has taken them from their leases.
create function give_back_v1(p_tasks bigint[]) returns void language sql as $$
  with places as (select id, count(*)::int as n from unnest(p_tasks) as t (id) group by 1),
  locked as materialized (
    select s.task_id, p.n from task_sched s join places p on p.id = s.task_id order by s.task_id for update of s)
  update task_sched s
     set n_taken = s.n_taken - l.n, open = not s.calibrates and s.done_by is null,
         ord = case when s.sched = 'b' then s.n_taken - l.n else s.ord end
    from locked l where s.task_id = l.task_id
$$;

-- A contributor passes on a task: its place goes back, the row stays as proof of the request, and the task is
-- not offered to this contributor again while the row lives.
create function skip_v2(p_project bigint, p_task bigint, p_contributor bigint) returns boolean
language plpgsql as $$
declare
  v_held boolean;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform from contributor_project
    where contributor_id = p_contributor and project_id = p_project for update;
  select holds_place into v_held from lease
   where contributor_id = p_contributor and project_id = p_project and task_id = p_task for update;
  if not found then return false; end if;
  update lease set holds_place = false, skipped = true, expires = least(expires, now())
   where contributor_id = p_contributor and project_id = p_project and task_id = p_task;
  if v_held then perform give_back_v1(array[p_task]); end if;
  return true;
end $$;

-- A contributor goes away: the places of these tasks go back at once, and the rows stay as proof of the requests. Who
-- comes back goes on with the first of them. Returns how many places that were.
create function leave_v1(p_project bigint, p_contributor bigint, p_tasks bigint[]) returns integer
language plpgsql as $$
declare
  v_held bigint[];
begin
  perform set_config('synchronous_commit', 'off', true);
  update contributor_project set empty_until = '-infinity'
   where contributor_id = p_contributor and project_id = p_project;
  with mine as materialized (
    select task_id, holds_place, seq from lease
     where contributor_id = p_contributor and project_id = p_project and task_id = any (p_tasks)
       and not skipped and (holds_place or expires > now())
     order by task_id for update),
  ended as (
    update lease l set holds_place = false, expires = now() from mine m
     where l.contributor_id = p_contributor and l.project_id = p_project and l.task_id = m.task_id)
  select coalesce(array_agg(task_id order by seq), '{}') into v_held from mine where holds_place;
  perform give_back_v1(v_held);
  update contributor_project c
     set cur_nprio = s.nprio, cur_ord = s.ord, cur_task = s.task_id - 1,
         cur_lap = (s.ord < order_start_v1(p_project, p_contributor))::int, cur_from_front = false
    from task_sched s
   where s.task_id = v_held[1] and c.contributor_id = p_contributor and c.project_id = p_project;
  return cardinality(v_held);
end $$;

-- A contributor still has these tasks before their eyes: leases are prolonged, and a place that was given back
-- meanwhile is taken again if one is free and they hold fewer than p_leases_max. Returns for how long the leases run
-- from now on, in seconds.
create function renew_v1(p_project bigint, p_contributor bigint, p_tasks bigint[], p_leases_max integer)
returns integer language plpgsql as $$
declare
  v_held integer;
  v_seconds integer;
  v_ttl interval;
  k record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select coalesce(lease_now, lease_seconds) into v_seconds from project where id = p_project;
  v_ttl := make_interval(secs => v_seconds);
  perform from contributor_project
    where contributor_id = p_contributor and project_id = p_project for update;
  select count(*) into v_held from lease
   where contributor_id = p_contributor and project_id = p_project and holds_place;
  for k in
    select task_id, holds_place, expires from lease
     where contributor_id = p_contributor and project_id = p_project and task_id = any (p_tasks) and not skipped
     order by task_id limit 100 for update
  loop
    if not k.holds_place then
      -- Nobody is waited for: while the row is locked its place is about to go to somebody else.
      perform from task_sched where task_id = k.task_id and open and v_held < p_leases_max for update skip locked;
      if not found and k.expires <= now() then
        continue;
      elsif found then
        v_held := v_held + 1;
        update task_sched
           set n_taken = n_taken + 1, open = n_taken + 1 < n_answers,
               ord = case when sched = 'b' then n_taken + 1 else ord end
         where task_id = k.task_id;
        update lease set holds_place = true
         where contributor_id = p_contributor and project_id = p_project and task_id = k.task_id;
      end if;
    end if;
    update lease set expires = now() + v_ttl
     where contributor_id = p_contributor and project_id = p_project and task_id = k.task_id
       and expires < now() + v_ttl / 2;
  end loop;
  return v_seconds;
end $$;

-- Expired leases give their places back, at most p_batch of them; safe to run from several workers at once.
-- Returns how many.
create function sweep_v2(p_batch integer) returns integer language plpgsql as $$
declare
  v_tasks bigint[];
begin
  with gone as materialized (
    select contributor_id, project_id, task_id from lease
     where holds_place and expires < now() order by expires limit p_batch for update skip locked),
  freed as (
    update lease l set holds_place = false from gone g
     where l.contributor_id = g.contributor_id and l.project_id = g.project_id and l.task_id = g.task_id
    returning l.task_id)
  select coalesce(array_agg(task_id), '{}') into v_tasks from freed;
  perform give_back_v1(v_tasks);
  return cardinality(v_tasks);
end $$;
