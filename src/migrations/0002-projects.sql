create table category (
  id bigint generated always as identity primary key,
  name text not null unique,
  short_name text not null unique,
  description text not null,
  info jsonb not null default '{}',
  created timestamptz not null default now()
);
insert into category (name, short_name, description)
values ('Thinking', 'thinking', 'Projects that ask people to look, read or listen, and decide'),
       ('Sensing', 'sensing', 'Projects that ask people to observe the world around them');

create table project (
  id bigint generated always as identity primary key,
  name text not null unique,
  short_name text not null unique,
  description text not null,
  long_description text,
  owner_id bigint not null references user_account,
  category_id bigint not null references category,
  published boolean not null default false,
  featured boolean not null default false,
  allow_anonymous_contributors boolean not null default true,
  zip_download boolean not null default true,
  contacted boolean not null default false,
  webhook text,
  -- sealed with the application key: PyBossa's clients sign with it, so owners must be able to read it
  secret_key_sealed text not null,
  thumbnail_url text,
  info jsonb not null default '{}',
  presenter_version_id bigint,
  lease_seconds integer not null default 1800 check (lease_seconds between 30 and 86400),
  scheduler text not null default 'default',
  -- raised when cursors must start from the front again (import, priorities, redundancy, reopening)
  sched_epoch integer not null default 0,
  -- for how many tasks the owner has been told that all are done
  n_tasks_announced integer not null default 0,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);
create index project_owner_id on project (owner_id);
create index project_published on project (id) where published;

create table project_owner (
  project_id bigint not null references project on delete cascade,
  user_id bigint not null references user_account,
  created timestamptz not null default now(),
  primary key (project_id, user_id)
);
create index project_owner_user on project_owner (user_id);

-- Only ever added to: a task run names the version it was given with.
create table presenter_version (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  kind text not null check (kind in ('template', 'code')),
  template text,
  settings jsonb,
  code text,
  tutorial text,
  created_by bigint references user_account,
  created timestamptz not null default now(),
  check ((kind = 'template') = (template is not null and settings is not null)),
  check ((kind = 'code') = (code is not null))
);
create index presenter_version_project on presenter_version (project_id, id);
alter table project add foreign key (presenter_version_id) references presenter_version;

-- Who changed what, by what, when, before and after: audit log, history of rules, what undo reads.
create table change (
  id bigint generated always as identity primary key,
  project_id bigint,
  user_id bigint,
  caller text not null check (caller in ('web', 'api', 'job', 'command')),
  subject text not null,
  subject_id bigint not null,
  attribute text not null,
  before jsonb,
  after jsonb,
  request_id text,
  created timestamptz not null default now()
);
create index change_project on change (project_id, id);
