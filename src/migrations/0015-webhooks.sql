-- What a project's webhook is to be told, and what came of it: the job that delivers it may fail for good, the row stays.
create table webhook_delivery (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  task_id bigint not null,
  payload jsonb not null,
  created timestamptz not null default now(),
  -- when it was last tried, and what the receiver said
  updated timestamptz not null default now(),
  response text,
  response_status_code integer,
  delivered timestamptz,
  -- no further attempt will be made by itself
  given_up timestamptz,
  -- when the owner got a mail about it
  mailed timestamptz
);
create index webhook_delivery_project on webhook_delivery (project_id, id);
create index webhook_delivery_given_up on webhook_delivery (project_id, id) where given_up is not null;
create index webhook_delivery_mailed on webhook_delivery (project_id, mailed) where mailed is not null;
