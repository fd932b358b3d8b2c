-- One occurrence of an alarm. `asset` and `condition` name what it is about; `raised_at_us` never changes, so that pages
-- keyed by (raised_at_us, id) stand still.
create table alarm (
    id integer primary key autoincrement,
    asset text not null,
    condition text not null,
    phase text not null,
    phase_since_us integer,
    acknowledged integer not null,
    severity integer not null,
    message text not null,
    raised_at_us integer not null,
    cleared_at_us integer,
    acknowledged_at_us integer,
    acknowledged_by text
) strict;

create index alarm_by_raised on alarm (raised_at_us, id);
create index alarm_open on alarm (raised_at_us, id) where phase in ('active', 'falling') or acknowledged = 0;

-- The tags that carried an alarm, largest share first. A number that was not finite is null.
create table alarm_contribution (
    alarm_id integer not null references alarm (id) on delete cascade,
    position integer not null,
    tag text not null,
    share real,
    value real,
    expected real,
    unit text not null,
    primary key (alarm_id, position)
) strict, without rowid;

create index alarm_contribution_by_tag on alarm_contribution (tag, alarm_id);

-- Every transition of every alarm, never changed once written.
create table journal (
    id integer primary key autoincrement,
    alarm_id integer not null references alarm (id) on delete cascade,
    time_us integer not null,
    transition text not null,
    by text,
    comment text
) strict;

create index journal_by_alarm on journal (alarm_id, id);

-- What was trained, weights included, so that one file is whole. At most one version of an asset is in use.
create table model (
    asset text not null,
    version integer not null check (version > 0),
    created_at_us integer not null,
    active integer not null check (active in (0, 1)),
    manifest text not null,
    metrics text not null,
    weights blob not null,
    primary key (asset, version)
) strict;

create unique index model_active on model (asset) where active = 1;

-- What a restart needs to go on where it stopped: small JSON documents by key.
create table state (
    key text primary key,
    json text not null
) strict, without rowid;
