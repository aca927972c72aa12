-- What people did, by hour: for graphs and leaderboards. Counted by a job that reads only task runs of the last hours.
create table activity (
  project_id bigint not null,
  hour timestamptz not null,
  contributor_id bigint not null references contributor on delete cascade,
  n_runs integer not null,
  primary key (project_id, hour, contributor_id)
);
create index activity_hour on activity (hour);
create index activity_contributor on activity (contributor_id);

-- The same without persons, kept for good; tasks that were completed are added as totals are folded.
create table project_hour (
  project_id bigint not null,
  hour timestamptz not null,
  n_anonymous integer not null default 0,
  n_authenticated integer not null default 0,
  n_completed_tasks integer not null default 0,
  primary key (project_id, hour)
);
create index project_hour_hour on project_hour (hour);
insert into project_hour (project_id, hour, n_completed_tasks)
select project_id, date_trunc('hour', created), count(*) from result where last_version group by 1, 2;

-- Until when a project's activity is counted.
create table project_counted (
  project_id bigint primary key,
  counted_until timestamptz not null
);

-- What the whole site had on a day.
create table site_day (
  day date primary key,
  n_authenticated bigint not null,
  n_anonymous bigint not null,
  n_published bigint not null,
  n_drafts bigint not null,
  n_wanted bigint not null,
  n_task_runs bigint not null
);

-- Who gave most answers, by period: the first thousand.
create table leader (
  period text not null check (period in ('day', 'week', 'month', 'all')),
  rank integer not null,
  user_id bigint not null references user_account on delete cascade,
  n_runs bigint not null,
  primary key (period, rank),
  unique (period, user_id)
);
create index leader_user on leader (user_id);

-- When a job of each name ended last: what shows that workers take jobs.
create index outbox_done on outbox (job, done) where done is not null;
