-- Pictures that came in a zip, one task each. Their uploads go when their project does.
create table task_picture (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  -- of the picture's bytes: the same one is kept once
  sha256 bytea not null,
  unique (project_id, sha256)
);
alter table upload drop constraint upload_noun_check;
alter table upload add constraint upload_noun_check check (noun in (
  'announcement', 'blogpost', 'helping_material', 'project_page', 'task_run', 'project', 'user_account', 'task_picture'
));
-- Which part of a picture is shown: left, top, width and height, each from 0 to 1. Chosen by the site where it is null.
alter table upload add column crop double precision[] check (cardinality(crop) = 4);

-- Uploads that came in pieces and that no form has taken yet.
create table resumable_upload (
  id text primary key,
  user_id bigint not null references user_account on delete cascade,
  bytes bigint not null,
  created timestamptz not null default now()
);
create index resumable_upload_user on resumable_upload (user_id);

-- The owner's keys to a bucket, sealed; of an import until it has ended.
alter table task_import add column bucket_keys text;
alter table import_schedule add column bucket_keys text;
-- Drafts of a person are counted.
create index task_import_draft on task_import (user_id) where state in ('fetching', 'draft');
