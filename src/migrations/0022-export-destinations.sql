-- Exports in the formats of ready templates, under a licence, and into buckets that owners have elsewhere.

-- an id of SPDX, of those that the site offers; null when its owner chose none
alter table project add column licence text;

alter table export_subscription drop constraint export_subscription_format_check;
alter table export_subscription add constraint export_subscription_format_check
  check (format in ('csv', 'json', 'ndjson', 'coco', 'geojson', 'webannotation', 'webvtt'));
alter table export_subscription add column to_bucket boolean not null default false;

-- Where a project's exports are brought besides.
create table export_bucket (
  project_id bigint primary key references project on delete cascade,
  -- null for Amazon's own
  endpoint text,
  region text not null,
  bucket text not null,
  -- what the names of objects begin with
  prefix text not null,
  key_id text not null,
  -- sealed by the application's key
  secret_sealed text not null,
  is_path_style boolean not null,
  updated timestamptz not null default now()
);

alter table project_export
  -- when it was brought into the bucket of its project
  add column delivered timestamptz,
  -- why it could not be
  add column delivery_error text;
