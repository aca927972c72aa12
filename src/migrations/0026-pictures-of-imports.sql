-- no transaction
-- A picture that an import has kept whole and given to nothing yet: a run after a killed one finds it by this.
alter table upload add column if not exists import_id bigint, add column if not exists sha256 bytea;
create index concurrently if not exists upload_import on upload (import_id, sha256) where import_id is not null;
