-- The roles of a server that Manyhands starts itself. In production Ansible makes the same ones.
do $$
begin
  if not exists (select from pg_roles where rolname = 'migrator') then create role migrator login createdb; end if;
  if not exists (select from pg_roles where rolname = 'app_rw') then create role app_rw login; end if;
  if not exists (select from pg_roles where rolname = 'app_ro') then create role app_ro login; end if;
end
$$;

alter role app_rw set timezone = 'UTC';
alter role app_rw set statement_timeout = '10s';
alter role app_rw set lock_timeout = '3s';
alter role app_rw set idle_in_transaction_session_timeout = '10s';

alter role app_ro set timezone = 'UTC';
alter role app_ro set default_transaction_read_only = on;
alter role app_ro set statement_timeout = '30s';
