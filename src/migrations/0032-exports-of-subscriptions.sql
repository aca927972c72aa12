-- no transaction
-- What a subscription's last export was: the next one begins there.
create index concurrently if not exists project_export_subscription on project_export (subscription_id, id)
  where subscription_id is not null;
