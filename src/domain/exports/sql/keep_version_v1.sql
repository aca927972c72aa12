create function keep_version_v1() returns trigger language plpgsql as $$
begin
  -- What its own transaction wrote, nobody else has seen.
  if old.xid <> pg_current_xact_id() then
    insert into row_version (noun, row_id, project_id, xid, record)
    values (tg_table_name, old.id, old.project_id, old.xid, to_jsonb(old));
  end if;
  new.xid := pg_current_xact_id();
  return new;
end $$;
