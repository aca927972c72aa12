-- What a project's presenter may ask of a volunteer's device: nothing, unless an owner says so.
alter table project
  add column frame_permissions text[] not null default '{}'
    check (frame_permissions <@ array['camera', 'clipboard-write', 'geolocation', 'microphone']);
