-- What an owner writes before it becomes a version: one draft for each person and project. The revision moves with
-- every change, so that two windows notice each other.
create table presenter_draft (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  user_id bigint not null references user_account on delete cascade,
  code text not null,
  tutorial text not null default '',
  base_version_id bigint references presenter_version,
  revision integer not null default 1,
  updated timestamptz not null default now(),
  unique (project_id, user_id)
);

-- What its author says about a version.
alter table presenter_version add column note text;

-- What contributors read beside a project's tasks, in Markdown.
create table field_guide (
  project_id bigint primary key references project on delete cascade,
  markdown text not null,
  updated_by bigint references user_account,
  updated timestamptz not null default now()
);
