-- no transaction
-- Errors of web processes that nobody had foreseen, a row for each kind: what happened where, and nothing of what it said.
create table if not exists fault (
  fingerprint text primary key,
  -- the error's class and code
  name text not null,
  -- the route, such as "GET /project/:shortName/"
  place text not null,
  -- the way through our own code, a line each
  trace text not null,
  -- since admins were told last
  n_untold integer not null,
  -- of the latest: leads to it in the log
  request_id text,
  last_seen timestamptz not null default now(),
  told timestamptz
);

-- After which a mail is not sent any more, and holds nothing: what it said was good until then.
alter table mail add column if not exists expires timestamptz;
create index concurrently if not exists mail_expires on mail (expires) where expires is not null and text_body <> '';

-- Codes that were mailed to who has proved their password, to end signing in. Each works once, for minutes.
create table if not exists sign_in_code (
  id uuid primary key,
  user_id bigint not null references user_account on delete cascade,
  -- keyed: six digits alone are soon guessed
  code_hash bytea not null,
  n_tries integer not null default 0,
  -- the mail that brings it; no reference: a code is forgotten long before its mail, or goes with its account
  mail_id bigint not null,
  used timestamptz,
  created timestamptz not null default now()
);
create index concurrently if not exists sign_in_code_user on sign_in_code (user_id, created);

-- Which picture a task's address means.
create index concurrently if not exists upload_task_picture on upload (file_name) where noun = 'task_picture';
