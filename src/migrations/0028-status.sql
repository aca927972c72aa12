-- What the public status page is reckoned from. Each web process and worker adds what it saw in a minute; a minute of
-- which nobody wrote is one in which nothing ran.
create table status_minute (
  minute timestamptz not null,
  component text not null check (component in ('contributing', 'pages', 'exports', 'mail')),
  n_good integer not null,
  n_bad integer not null,
  primary key (minute, component)
);

-- Days that are over, in one row each.
create table status_day (
  day date not null,
  component text not null,
  n_minutes integer not null,
  n_bad integer not null,
  primary key (day, component)
);

-- What admins tell of trouble, and how it went on.
create table incident (
  id bigint generated always as identity primary key,
  title text not null,
  components text[] not null,
  began timestamptz not null default now(),
  ended timestamptz
);
create index incident_began on incident (began);

create table incident_note (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incident on delete cascade,
  user_id bigint references user_account on delete set null,
  body text not null,
  created timestamptz not null default now()
);
create index incident_note_incident on incident_note (incident_id);
create index incident_note_user on incident_note (user_id);
