-- no transaction
-- When a job was asked to run, where that is later than it was asked for: not_before moves on with each claim.
alter table outbox add column if not exists asked_for timestamptz;
-- Mail is claimed past any number of others. No index of all jobs: claims of the others would sort all that is due.
create index concurrently if not exists outbox_mail on outbox (not_before)
  where done is null and failed is null and job = 'send-mail';
