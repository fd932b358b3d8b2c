-- Names are written once; rows carry their numbers.
create table asset (
    id integer primary key,
    name text not null unique
) strict;

create table tag (
    id integer primary key,
    asset_id integer not null references asset (id),
    name text not null,
    unique (asset_id, name)
) strict;

-- Values by tag and source time. `value` is null exactly where the status is Bad; `status` is the OPC UA StatusCode.
create table sample (
    tag_id integer not null references tag (id),
    time_us integer not null,
    value real,
    status integer not null,
    primary key (tag_id, time_us)
) strict, without rowid;

-- Verdicts by asset and grid time.
create table score (
    asset_id integer not null references asset (id),
    time_us integer not null,
    score real not null,
    threshold real,
    probability real,
    probability_low real,
    probability_high real,
    mode text not null,
    imputed real,
    status integer not null,
    primary key (asset_id, time_us)
) strict, without rowid;

-- What a verdict says of each tag; `position` is the tag's place in the asset's order.
create table tag_score (
    tag_id integer not null references tag (id),
    time_us integer not null,
    position integer not null,
    value real,
    expected real,
    expected_low real,
    expected_high real,
    residual real,
    contribution real,
    imputed integer not null check (imputed in (0, 1)),
    primary key (tag_id, time_us)
) strict, without rowid;
