-- no transaction
create index concurrently if not exists task_favourite on task using gin (fav_user_ids)
  where fav_user_ids is not null;
