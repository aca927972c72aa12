-- no transaction
-- When admins were told last that a job failed.
alter table outbox add column if not exists told timestamptz;

-- As of when a rank holds.
alter table leader add column if not exists ranked timestamptz not null default now();

-- Lists of a category and of what is featured; and whether a category is in use.
create index concurrently if not exists project_category on project (category_id, id);
create index concurrently if not exists project_featured on project (id) where featured;
