create function keep_deleted_v1() returns trigger language plpgsql as $$
begin
  -- Nobody exports a project that goes as a whole: its own row is deleted first.
  insert into row_version (noun, row_id, project_id, xid, record)
  select tg_table_name, g.id, g.project_id, g.xid, to_jsonb(g) from gone g
   where g.xid <> pg_current_xact_id() and exists (select from project p where p.id = g.project_id);
  return null;
end $$;
