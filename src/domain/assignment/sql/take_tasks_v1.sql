-- Takes a place of a task whose task_sched row the caller has locked and found open. In plpgsql, which keeps the plans
-- of its statements; a function in SQL plans them in each call.
create function take_place_v2(p_project bigint, p_task bigint, p_contributor bigint, p_ttl interval)
returns void language plpgsql as $$
begin
  update task_sched
     set n_taken = n_taken + 1, open = n_taken + 1 < n_answers,
         ord = case when sched = 'b' then n_taken + 1 else ord end
   where task_id = p_task;
  insert into lease (contributor_id, project_id, task_id, expires, holds_place)
  values (p_contributor, p_project, p_task, now() + p_ttl, true)
  on conflict (contributor_id, project_id, task_id)
  do update set holds_place = true, skipped = false, expires = excluded.expires, requested = now(), seq = default;
end $$;

-- Requests a task without a place: a calibration task, or a further answer to a finished one.
create function take_request_v1(p_project bigint, p_task bigint, p_contributor bigint, p_ttl interval)
returns void language plpgsql as $$
begin
  insert into lease (contributor_id, project_id, task_id, expires, holds_place)
  values (p_contributor, p_project, p_task, now() + p_ttl, false)
  on conflict (contributor_id, project_id, task_id)
  do update set skipped = false, expires = excluded.expires, requested = now(), seq = default;
end $$;

-- A calibration task that the contributor has not been given yet, from a random place of their circle on; null when
-- there is none among the 50 looked at.
create function pick_calibration_v1(p_project bigint, p_contributor bigint) returns bigint language sql as $$
  with ends as (
    select (select task_id from task_sched where project_id = p_project and calibrates order by task_id limit 1) as lo,
           (select task_id from task_sched where project_id = p_project and calibrates order by task_id desc limit 1) as hi),
  start as (select lo + floor(random() * (hi - lo + 1))::bigint as at from ends),
  circle as (
    (select s.task_id, 1 as lap from task_sched s, start
      where s.project_id = p_project and s.calibrates and s.task_id >= start.at order by s.task_id limit 50)
    union all
    (select s.task_id, 2 from task_sched s, start
      where s.project_id = p_project and s.calibrates and s.task_id < start.at order by s.task_id limit 50))
  select task_id from circle c
   where (select 1 from task_run r
           where r.task_id = c.task_id and r.contributor_id = p_contributor and r.withdrawn is null) is null
     and (select 1 from lease l
           where l.contributor_id = p_contributor and l.project_id = p_project and l.task_id = c.task_id) is null
   order by lap, task_id limit 1
$$;

-- Sees to it that a contributor has p_offset + p_limit tasks of a project in hand and returns the slice
-- [p_offset, p_offset + p_limit) in the order they were handed out, so a repeated call gives the same tasks
-- and p_offset = 1 preloads the one after.
--
-- In hand is a lease that holds a place, or a request without one that has not run out: calibration tasks, and
-- finished tasks under depth_first_all.
--
-- Every contributor walks the project's open tasks as a circle: by (nprio, ord, task_id), under `random` within each
-- priority from a start of their own. At most p_budget candidates are examined; has_more says that the slice is not
-- full and the circle not finished: the caller asks again.
--
-- Places are given back before the cursor, too. Every five minutes, and whenever nothing was left, the first half of the
-- budget goes to the front of the circle and the cursor stays; every hour, and when the rules changed, the cursor
-- begins at the front.
--
-- Lock order, shared with submit_v2: contributor_project, lease, task_sched. Rows of task_sched are never waited for
-- while another one is held, so p_wait is for callers that hold none.
create function take_tasks_v1(
  p_project bigint, p_contributor bigint, p_limit integer, p_offset integer, p_budget integer, p_wait boolean,
  out task_ids bigint[], out has_more boolean
) language plpgsql as $$
declare
  c contributor_project%rowtype;
  v_back contributor_project%rowtype;
  v_peeks boolean := false;
  v_limit integer := p_budget;
  p record;
  v_need integer;
  v_ageing integer;
  v_seen integer := 0;
  v_got integer := 0;
  v_locked bigint[] := '{}';
  v_is_random boolean;
  v_start integer;
  v_hi_nprio real := 'Infinity';
  v_hi_ord integer := 2147483647;
  v_task bigint;
  v_next real;
  k record;
begin
  has_more := false;
  select sched_epoch as epoch, make_interval(secs => coalesce(lease_now, lease_seconds)) as ttl, scheduler,
         calibration_rate
    into p from project where id = p_project;
  if not found then task_ids := '{}'; return; end if;

  -- Made on first sight; else only locked, because a row written twice in one call costs twice.
  select * into c from contributor_project
   where contributor_id = p_contributor and project_id = p_project for update;
  if not found then
    insert into contributor_project (contributor_id, project_id, cur_epoch) values (p_contributor, p_project, p.epoch)
    on conflict (contributor_id, project_id) do update set cur_epoch = contributor_project.cur_epoch
    returning * into c;
  end if;

  select p_limit + p_offset - count(*), count(*) filter (where expires < now() + p.ttl / 2)
    into v_need, v_ageing from lease
   where contributor_id = p_contributor and project_id = p_project
     and (holds_place or (expires > now() and not skipped));
  if v_ageing > 0 then
    -- Never waited for: whoever has one locked may be waiting for a task_sched row that our caller holds.
    update lease l set expires = now() + p.ttl
      from (select task_id from lease
             where contributor_id = p_contributor and project_id = p_project
               and (holds_place or (expires > now() and not skipped)) and expires < now() + p.ttl / 2
               for update skip locked) mine
     where l.contributor_id = p_contributor and l.project_id = p_project and l.task_id = mine.task_id;
  end if;

  if v_need > 0 and not (c.empty_until > now() and c.cur_epoch = p.epoch) then
    -- None at the end of a project, where nothing else would be left.
    for i in 1..(case when p.calibration_rate > 0
                       and exists (select from task_sched where project_id = p_project and open)
                      then v_need else 0 end) loop
      continue when random() >= p.calibration_rate;
      v_task := pick_calibration_v1(p_project, p_contributor);
      exit when v_task is null;
      perform take_request_v1(p_project, v_task, p_contributor, p.ttl);
      v_need := v_need - 1;
    end loop;

    v_is_random := p.scheduler = 'random';
    v_start := order_start_v1(p_project, p_contributor);
    if c.cur_epoch <> p.epoch or c.cur_reset < now() - interval '1 hour' then
      c.cur_nprio := '-Infinity'; c.cur_ord := -2147483648; c.cur_task := 0; c.cur_lap := 2; c.cur_done := 0;
      c.cur_from_front := true; c.cur_reset := now(); c.cur_peeked := now();
    elsif c.cur_peeked < now() - interval '5 minutes' or c.empty_until > '-infinity' then
      v_peeks := true; v_limit := p_budget / 2; v_back := c;
      c.cur_nprio := '-Infinity'; c.cur_ord := -2147483648; c.cur_task := 0; c.cur_lap := 2;
    end if;
    while v_need > 0 loop
      if v_is_random then
        -- Within a priority first from the own start to the end (lap 0), then from the beginning to it (lap 1).
        if c.cur_lap >= 2 then
          select nprio into v_next from task_sched
           where project_id = p_project and open and nprio > c.cur_nprio order by nprio limit 1;
          if found then
            c.cur_nprio := v_next; c.cur_ord := v_start; c.cur_task := 0; c.cur_lap := 0;
          else
            c.cur_ord := 2147483647; c.cur_task := 9223372036854775807;
          end if;
        end if;
        v_hi_nprio := c.cur_nprio;
        v_hi_ord := case when c.cur_lap = 1 then v_start - 1 else 2147483647 end;
      end if;
      for k in
        select s.task_id, s.nprio, s.ord from task_sched s
         where s.project_id = p_project and s.open
           and (s.nprio, s.ord, s.task_id) > (c.cur_nprio, c.cur_ord, c.cur_task)
           and (s.nprio, s.ord) <= (v_hi_nprio, v_hi_ord)
         order by s.nprio, s.ord, s.task_id
         limit v_limit
      loop
        exit when v_seen >= v_limit;
        v_seen := v_seen + 1;
        c.cur_nprio := k.nprio; c.cur_ord := k.ord; c.cur_task := k.task_id;
        continue when exists (select from task_run r
                               where r.task_id = k.task_id and r.contributor_id = p_contributor and r.withdrawn is null)
                   or exists (select from lease l
                               where l.contributor_id = p_contributor and l.project_id = p_project
                                 and l.task_id = k.task_id and (l.holds_place or l.skipped or l.expires > now()));
        perform from task_sched s where s.task_id = k.task_id and s.open for update skip locked;
        if not found then
          v_locked := v_locked || k.task_id;
          continue;
        end if;
        perform take_place_v2(p_project, k.task_id, p_contributor, p.ttl);
        v_got := v_got + 1;
        exit when v_got >= v_need;
      end loop;
      if v_got >= v_need then
        -- There may be more at the front: the next call looks there as well.
        if v_peeks then c := v_back; c.cur_peeked := '-infinity'; end if;
        c.cur_from_front := false;
        exit;
      end if;
      if v_seen < v_limit and v_is_random and c.cur_lap < 2 then
        c.cur_lap := c.cur_lap + 1; c.cur_ord := -2147483648; c.cur_task := 0;
        continue;
      end if;
      if v_peeks then
        c := v_back; c.cur_peeked := now(); v_peeks := false; v_limit := p_budget;
        continue;
      end if;
      if v_seen >= p_budget then
        has_more := true;
        exit;
      end if;
      exit when c.cur_from_front;
      c.cur_nprio := '-Infinity'; c.cur_ord := -2147483648; c.cur_task := 0; c.cur_lap := 2;
      c.cur_from_front := true; c.cur_reset := now(); c.cur_peeked := now();
    end loop;

    -- SKIP LOCKED may pass over the only open task while somebody else just touches it. Before saying "nothing",
    -- wait for those rows; safe while this call holds no other task_sched row. Where most rows are locked the rules of
    -- the project are being changed: waiting costs less than passing all of them.
    if p_wait and v_got = 0 and (not has_more or cardinality(v_locked) >= p_budget / 2) then
      foreach v_task in array v_locked[1:20] loop
        perform from task_sched s where s.task_id = v_task and s.open for update;
        if found then
          perform take_place_v2(p_project, v_task, p_contributor, p.ttl);
          v_got := 1;
          has_more := v_got < v_need and has_more;
          exit;
        end if;
      end loop;
    end if;
    has_more := has_more or (not p_wait and v_got = 0 and cardinality(v_locked) > 0);

    -- Nothing open is left for this contributor: under depth_first_all finished tasks follow, in id order.
    if p.scheduler = 'depth_first_all' and v_got < v_need and not has_more then
      for k in
        select s.task_id, s.done_by from task_sched s
         where s.project_id = p_project and not s.calibrates and s.task_id > c.cur_done
         order by s.task_id limit p_budget
      loop
        exit when v_seen >= p_budget;
        v_seen := v_seen + 1;
        c.cur_done := k.task_id;
        continue when k.done_by is null
                   or exists (select from task_run r
                               where r.task_id = k.task_id and r.contributor_id = p_contributor and r.withdrawn is null)
                   or exists (select from lease l
                               where l.contributor_id = p_contributor and l.project_id = p_project
                                 and l.task_id = k.task_id and (l.skipped or l.expires > now()));
        perform take_request_v1(p_project, k.task_id, p_contributor, p.ttl);
        v_got := v_got + 1;
        exit when v_got >= v_need;
      end loop;
      has_more := v_got < v_need and v_seen >= p_budget;
    end if;

    update contributor_project
       set cur_nprio = c.cur_nprio, cur_ord = c.cur_ord, cur_task = c.cur_task, cur_epoch = p.epoch,
           cur_lap = c.cur_lap, cur_done = c.cur_done,
           cur_from_front = c.cur_from_front and v_got = 0, cur_reset = c.cur_reset, cur_peeked = c.cur_peeked,
           empty_until = case when v_need > 0 and v_got = 0 and not has_more
                              then now() + interval '1 second' else '-infinity' end
     where contributor_id = p_contributor and project_id = p_project;
  end if;

  select coalesce(array_agg(x.task_id order by x.seq), '{}') into task_ids
    from (select task_id, seq from lease
           where contributor_id = p_contributor and project_id = p_project
             and (holds_place or (expires > now() and not skipped))
           order by seq offset p_offset limit p_limit) x;
end $$;

create function newtask_v2(
  p_project bigint, p_contributor bigint, p_limit integer, p_offset integer, p_budget integer,
  out task_ids bigint[], out has_more boolean
) language plpgsql as $$
begin
  -- A lease lost in a crash goes together with its place: no need to wait for the disk.
  perform set_config('synchronous_commit', 'off', true);
  select t.task_ids, t.has_more into task_ids, has_more
    from take_tasks_v1(p_project, p_contributor, p_limit, p_offset, p_budget, true) t;
end $$;
