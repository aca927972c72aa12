-- no transaction
-- Which kind of notice a mail is (null: it belongs to what its reader did and cannot be unsubscribed), and for whom.
alter table mail
  add column if not exists kind text,
  add column if not exists user_id bigint references user_account,
  -- at most one mail with the same key: what makes notices safe to queue twice
  add column if not exists once text;
create unique index concurrently if not exists mail_once on mail (once) where once is not null;
create index concurrently if not exists mail_sent on mail (lower(recipient), sent) where sent is not null;
create index concurrently if not exists mail_created on mail (created);

-- What somebody chose for a kind of notice; without a row its default holds.
create table if not exists mail_choice (
  user_id bigint not null references user_account on delete cascade,
  kind text not null,
  wanted boolean not null,
  changed timestamptz not null default now(),
  primary key (user_id, kind)
);

-- Addresses that nothing is sent to, in small letters, because mail to them came back or its reader called it spam.
create table if not exists mail_suppression (
  address text primary key,
  cause text not null check (cause in ('bounce', 'complaint')),
  source text not null check (source in ('smtp', 'webhook', 'mailbox')),
  detail text not null,
  created timestamptz not null default now()
);
create index concurrently if not exists mail_suppression_created on mail_suppression (created);

create table if not exists newsletter (
  id bigint generated always as identity primary key,
  user_id bigint not null references user_account,
  subject text not null,
  body text not null,
  audience text not null check (audience in ('all', 'owners', 'contributors')),
  -- of which project, when it is for the contributors of one
  project_id bigint references project on delete set null,
  state text not null default 'draft' check (state in ('draft', 'sending', 'sent')),
  -- the last recipient whose mail was queued, and how many were
  last_user_id bigint not null default 0,
  n_queued integer not null default 0,
  created timestamptz not null default now(),
  started timestamptz,
  finished timestamptz
);

create table if not exists account_export (
  id bigint generated always as identity primary key,
  user_id bigint not null references user_account on delete cascade,
  state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
  file_key text,
  bytes bigint,
  created timestamptz not null default now(),
  finished timestamptz,
  expires timestamptz
);
create index concurrently if not exists account_export_user on account_export (user_id, id);
create index concurrently if not exists account_export_file on account_export (expires) where file_key is not null;

alter table user_account
  add column if not exists email_confirmed timestamptz,
  add column if not exists last_seen timestamptz not null default now(),
  -- when the account will be deleted, and why, unless somebody minds until then
  add column if not exists deletion_due timestamptz,
  add column if not exists deletion_cause text check (deletion_cause in ('asked', 'inactive')),
  -- the row stays, without anything that tells who it was, for what others need to name
  add column if not exists deleted timestamptz;
create index concurrently if not exists user_account_last_seen on user_account (last_seen) where deleted is null;

-- For which quiet spell the owners were told: its last task run, or publishing
alter table project add column if not exists quiet_since timestamptz;
