-- How a project's scheduler orders tasks within a priority, in one letter: by id (d), by places taken (b), by a
-- random number of the task's own (r).
create function order_kind_v1(p_scheduler text) returns "char" language sql immutable as $$
  select (case p_scheduler when 'breadth_first' then 'b' when 'random' then 'r' else 'd' end)::"char"
$$;

create function order_key_v1(p_kind "char", p_task bigint, p_taken integer) returns integer language sql immutable as $$
  select case p_kind when 'b' then p_taken when 'r' then hashint8(p_task) else 0 end
$$;

-- Where a contributor begins the circle under `random`: the same for good; anything evenly spread will do. Never the
-- smallest integer, so that one can be taken from it.
create function order_start_v1(p_project bigint, p_contributor bigint) returns integer language sql immutable as $$
  select greatest(hashint8(p_contributor * 1000003 + p_project), -2147483647)
$$;

-- Rewrites the order keys of at most p_batch tasks after p_after that are not in the order of their project's
-- scheduler yet. Nobody waits for more than one batch. Returns the last task looked at, null at the end.
create function reorder_v1(p_project bigint, p_after bigint, p_batch integer) returns bigint language plpgsql as $$
declare
  v_kind "char";
  v_last bigint;
begin
  select order_kind_v1(scheduler) into v_kind from project where id = p_project;
  with batch as materialized (
    select task_id from task_sched where project_id = p_project and task_id > p_after
     order by task_id limit p_batch for update),
  moved as (
    update task_sched s set sched = v_kind, ord = order_key_v1(v_kind, s.task_id, s.n_taken)
      from batch b where s.task_id = b.task_id and s.sched <> v_kind)
  select max(task_id) into v_last from batch;
  return v_last;
end $$;
