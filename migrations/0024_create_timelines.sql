-- compatible
-- What tells a standby that follows the primary from one that was left behind at a failover. Positions in the write-ahead
-- logs of two timelines do not compare; a row that was written on a timeline is there only where that timeline is followed.

create table dpp.timelines (
    n bigint generated always as identity primary key,
    id uuid not null default gen_random_uuid(),
    system_identifier bigint not null,
    timeline int not null,
    seen_at timestamptz not null default now()
);

comment on table dpp.timelines is
    'One timeline of the write-ahead log, noted on the primary by the first server that reads on standbys and meets it; the last row is that of the present';
comment on column dpp.timelines.n is 'Order in which they were met';
comment on column dpp.timelines.id is 'Tells it from another timeline of the same number, which a second promoted standby may have';
comment on column dpp.timelines.system_identifier is 'Of the database cluster (pg_control_system)';
comment on column dpp.timelines.timeline is 'Its number';
comment on column dpp.timelines.seen_at is 'When it was met';
