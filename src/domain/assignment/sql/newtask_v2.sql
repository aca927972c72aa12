-- Sees to it that a contributor holds p_offset + p_limit leases of a project and returns the slice
-- [p_offset, p_offset + p_limit) in the order they were handed out, so a repeated call gives the same tasks
-- and p_offset = 1 preloads the one after.
--
-- Lock order, shared with submit_v1: contributor_project, lease, task_sched (never waited for while another
-- task_sched row is held). At most p_budget candidates are examined; has_more says that the slice is not full
-- and the contributor's circle not finished: the caller asks again.
create function newtask_v2(
  p_project bigint, p_contributor bigint, p_limit integer, p_offset integer, p_budget integer,
  out task_ids bigint[], out has_more boolean
) language plpgsql as $$
declare
  c contributor_project%rowtype;
  v_epoch integer;
  v_ttl interval;
  v_need integer;
  v_seen integer := 0;
  v_got integer := 0;
  v_locked bigint[] := '{}';
  k record;
begin
  has_more := false;
  -- A lease lost in a crash goes together with its place: no need to wait for the disk.
  perform set_config('synchronous_commit', 'off', true);
  select sched_epoch, make_interval(secs => lease_seconds) into v_epoch, v_ttl from project where id = p_project;

  insert into contributor_project (contributor_id, project_id, cur_epoch) values (p_contributor, p_project, v_epoch)
  on conflict (contributor_id, project_id) do update set cur_epoch = contributor_project.cur_epoch
  returning * into c;

  update lease set expires = now() + v_ttl
   where contributor_id = p_contributor and project_id = p_project and holds_place
     and expires < now() + v_ttl / 2;
  select p_limit + p_offset - count(*) into v_need from lease
   where contributor_id = p_contributor and project_id = p_project and holds_place;

  if v_need > 0 and not (c.empty_until > now() and c.cur_epoch = v_epoch) then
    -- From the front again when the rules changed, and now and then for places given back before the cursor.
    if c.cur_epoch <> v_epoch or c.cur_reset < now() - interval '5 minutes' then
      c.cur_nprio := '-Infinity'; c.cur_ord := -2147483648; c.cur_task := 0;
      c.cur_from_front := true; c.cur_reset := now();
    end if;
    loop
      for k in
        select s.task_id, s.nprio, s.ord from task_sched s
         where s.project_id = p_project and s.open
           and (s.nprio, s.ord, s.task_id) > (c.cur_nprio, c.cur_ord, c.cur_task)
         order by s.nprio, s.ord, s.task_id
         limit p_budget
      loop
        exit when v_seen >= p_budget;
        v_seen := v_seen + 1;
        c.cur_nprio := k.nprio; c.cur_ord := k.ord; c.cur_task := k.task_id;
        continue when exists (select from task_run r
                               where r.task_id = k.task_id and r.contributor_id = p_contributor and r.withdrawn is null)
                   or exists (select from lease l
                               where l.contributor_id = p_contributor and l.project_id = p_project
                                 and l.task_id = k.task_id and (l.holds_place or l.skipped));
        perform from task_sched s where s.task_id = k.task_id and s.open for update skip locked;
        if not found then
          v_locked := v_locked || k.task_id;
          continue;
        end if;
        perform take_place_v1(p_project, k.task_id, p_contributor, v_ttl);
        v_got := v_got + 1;
        exit when v_got >= v_need;
      end loop;
      if v_got >= v_need then
        c.cur_from_front := false;
        exit;
      end if;
      if v_seen >= p_budget then
        has_more := true;
        exit;
      end if;
      exit when c.cur_from_front;
      c.cur_nprio := '-Infinity'; c.cur_ord := -2147483648; c.cur_task := 0;
      c.cur_from_front := true; c.cur_reset := now();
    end loop;

    -- SKIP LOCKED may pass over the only open task while somebody else just touches it. Before saying "nothing",
    -- wait for those rows; safe because this call holds no other task_sched row.
    if v_got = 0 and not has_more then
      foreach k.task_id in array v_locked[1:20] loop
        perform from task_sched s where s.task_id = k.task_id and s.open for update;
        if found then
          perform take_place_v1(p_project, k.task_id, p_contributor, v_ttl);
          v_got := 1;
          exit;
        end if;
      end loop;
    end if;

    update contributor_project
       set cur_nprio = c.cur_nprio, cur_ord = c.cur_ord, cur_task = c.cur_task, cur_epoch = v_epoch,
           cur_from_front = c.cur_from_front and v_got = 0, cur_reset = c.cur_reset,
           empty_until = case when v_got = 0 and not has_more then now() + interval '1 second' else '-infinity' end
     where contributor_id = p_contributor and project_id = p_project;
  end if;

  select coalesce(array_agg(x.task_id order by x.seq), '{}') into task_ids
    from (select task_id, seq from lease
           where contributor_id = p_contributor and project_id = p_project and holds_place
           order by seq offset p_offset limit p_limit) x;
end $$;
