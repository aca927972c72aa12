-- A web process looks whether the database has all that its version expects before it says that it is ready.
grant select on schema_migration to app_rw, app_ro;
