-- What admins tell everybody.
create table announcement (
  id bigint generated always as identity primary key,
  user_id bigint not null references user_account,
  title text not null,
  body text not null,
  info jsonb not null default '{}',
  media_url text,
  published boolean not null default false,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);

create table blogpost (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  user_id bigint not null references user_account,
  title text not null,
  body text not null,
  info jsonb not null default '{}',
  media_url text,
  published boolean not null default false,
  created timestamptz not null default now(),
  updated timestamptz not null default now()
);
create index blogpost_project on blogpost (project_id, id);

create table helping_material (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  info jsonb not null default '{}',
  media_url text,
  priority double precision not null default 0,
  created timestamptz not null default now()
);
create index helping_material_project on helping_material (project_id, id);

create table project_page (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  slug text not null,
  info jsonb not null default '{}',
  media_url text,
  created timestamptz not null default now()
);
create index project_page_project on project_page (project_id, id);

-- Every file that came in through the API, written before the file is. A row that belongs to nothing (any more) is
-- cleaned up with its file: no foreign key, so that it outlives its object.
create table upload (
  id bigint generated always as identity primary key,
  container text not null,
  file_name text not null,
  noun text check (noun in ('announcement', 'blogpost', 'helping_material', 'project_page', 'task_run')),
  object_id bigint,
  created timestamptz not null default now(),
  unique (noun, object_id),
  check ((noun is null) = (object_id is null))
);
