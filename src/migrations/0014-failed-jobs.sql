-- no transaction
-- An admin has seen that a job failed, and leaves it.
alter table outbox add column if not exists dismissed timestamptz;
create index concurrently if not exists outbox_failed on outbox (failed desc, id desc)
  where failed is not null and dismissed is null;
