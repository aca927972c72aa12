-- Expired leases give their places back, at most p_batch of them; safe to run from several workers at once.
-- Returns how many.
create function sweep_v1(p_batch integer) returns integer language plpgsql as $$
declare
  v_count integer;
begin
  with gone as materialized (
    select contributor_id, project_id, task_id from lease
     where holds_place and expires < now() order by expires limit p_batch for update skip locked),
  freed as (
    update lease l set holds_place = false from gone g
     where l.contributor_id = g.contributor_id and l.project_id = g.project_id and l.task_id = g.task_id
    returning l.task_id),
  per_task as (select task_id, count(*)::int as n from freed group by task_id),
  locked as materialized (
    select s.task_id, p.n from task_sched s join per_task p using (task_id) order by s.task_id for update of s),
  given_back as (
    update task_sched s set n_taken = s.n_taken - locked.n, open = s.done_by is null
      from locked where s.task_id = locked.task_id returning 1)
  select count(*) into v_count from gone;
  return v_count;
end $$;
