-- A contributor passes on a task: its place goes back, the row stays as proof of the request, and the task is
-- not offered to this contributor again while the row lives.
create function skip_v1(p_project bigint, p_task bigint, p_contributor bigint) returns boolean
language plpgsql as $$
declare
  v_held boolean;
begin
  perform from contributor_project
    where contributor_id = p_contributor and project_id = p_project for update;
  select holds_place into v_held from lease
   where contributor_id = p_contributor and project_id = p_project and task_id = p_task for update;
  if not found then return false; end if;
  update lease set holds_place = false, skipped = true
   where contributor_id = p_contributor and project_id = p_project and task_id = p_task;
  if v_held then
    update task_sched set n_taken = n_taken - 1, open = done_by is null where task_id = p_task;
  end if;
  return true;
end $$;
