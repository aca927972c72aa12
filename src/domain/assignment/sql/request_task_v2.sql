-- A contributor opened one task by its address: that is a request, with a place only when one is free and the
-- contributor holds fewer than p_leases_max.
create function request_task_v2(p_project bigint, p_task bigint, p_contributor bigint, p_leases_max integer)
returns boolean
language plpgsql as $$
declare
  v_epoch integer;
  v_ttl interval;
begin
  perform set_config('synchronous_commit', 'off', true);
  select sched_epoch, make_interval(secs => coalesce(lease_now, lease_seconds)) into v_epoch, v_ttl
    from project where id = p_project;
  -- The caller may remember a project that was deleted a moment ago.
  if not found then
    return false;
  end if;
  insert into contributor_project (contributor_id, project_id, cur_epoch) values (p_contributor, p_project, v_epoch)
  on conflict (contributor_id, project_id) do update set cur_epoch = contributor_project.cur_epoch;
  if exists (select from task_run where task_id = p_task and contributor_id = p_contributor and withdrawn is null)
     or exists (select from lease where contributor_id = p_contributor and project_id = p_project
                  and task_id = p_task and holds_place) then
    return false;
  end if;
  if (select count(*) from lease
       where contributor_id = p_contributor and project_id = p_project and holds_place) < p_leases_max then
    perform from task_sched where task_id = p_task and project_id = p_project and open for update;
    if found then
      perform take_place_v2(p_project, p_task, p_contributor, v_ttl);
      return true;
    end if;
  end if;
  insert into lease (contributor_id, project_id, task_id, expires, holds_place)
  select p_contributor, p_project, p_task, now(), false
    from task_sched where task_id = p_task and project_id = p_project
  on conflict (contributor_id, project_id, task_id) do update set requested = now();
  return false;
end $$;
