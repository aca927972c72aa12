-- Pictures of projects and people. What was drawn of an upload in small goes with it.
alter table upload drop constraint upload_noun_check;
alter table upload add constraint upload_noun_check check (noun in (
  'announcement', 'blogpost', 'helping_material', 'project_page', 'task_run', 'project', 'user_account'
));
alter table upload add column drawn text[] not null default '{}';
alter table user_account add column avatar_url text;
