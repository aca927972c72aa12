-- Roles are made by the bootstrap and by Ansible; a migration only grants.
grant usage on schema public to app_rw, app_ro;
alter default privileges in schema public grant select, insert, update, delete on tables to app_rw;
alter default privileges in schema public grant select on tables to app_ro;
alter default privileges in schema public grant usage on sequences to app_rw;

create table user_account (
  id bigint generated always as identity primary key,
  name text not null,
  full_name text not null,
  email text not null,
  password_hash text,
  locale text not null default 'en',
  is_admin boolean not null default false,
  info jsonb not null default '{}',
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);
create unique index user_account_name on user_account (lower(name));
create unique index user_account_email on user_account (lower(email));

create table api_key (
  id bigint generated always as identity primary key,
  user_id bigint not null references user_account on delete cascade,
  name text not null,
  -- SHA-256 of the key: the key itself is shown once and not stored
  key_hash bytea not null unique,
  hint text not null,
  created timestamptz not null default now(),
  last_used timestamptz,
  revoked timestamptz
);
create index api_key_user on api_key (user_id);

create table session (
  id uuid primary key,
  user_id bigint not null references user_account on delete cascade,
  user_agent text,
  created timestamptz not null default now(),
  seen timestamptz not null default now(),
  revoked timestamptz
);
create index session_by_user on session (user_id);

-- Whoever answers, one row each, so that one unique key (task, contributor) holds for all of them.
create table contributor (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('user', 'device', 'external', 'address')),
  user_id bigint unique references user_account,
  device_id uuid unique,
  project_id bigint,
  external_uid text,
  address_hash bytea unique,
  -- a stable made-up class-E address: what the API and exports show for people without an account
  made_up_ip text,
  created timestamptz not null default now(),
  unique (project_id, external_uid),
  check (num_nonnulls(user_id, device_id, external_uid, address_hash) = 1),
  check ((external_uid is null) = (project_id is null))
);
