-- A few thousand samples of a tag in compressed columns. The blocks of a tag never overlap: what arrives late is merged into the
-- block it falls in. `min`, `max`, `first` and `last` are of the samples that have a value and null where there is none;
-- `gap_us` is the first sample without one. `usable` counts samples with a value (the mean is sum / usable), `good` those
-- whose status is Good.
create table block (
    tag_id integer not null references tag (id),
    first_us integer not null,
    last_us integer not null check (last_us >= first_us),
    count integer not null check (count > 0),
    data_id integer not null,
    min_us integer,
    min_status integer,
    min real,
    max_us integer,
    max_status integer,
    max real,
    gap_us integer,
    gap_status integer,
    first real,
    last real,
    sum real,
    usable integer not null,
    good integer not null,
    primary key (tag_id, first_us)
) strict, without rowid;

-- Apart from their roll-ups, so that a long trend reads those alone.
create table block_data (
    id integer primary key autoincrement,
    data blob not null
) strict;

-- What large batches wrote, until it is sealed in blocks: a row holds, for the 16 tags of one part (tag_id / 16), the samples of
-- one commit. Of two samples at one time the higher `seq` counts, then `sample`, then `block`.
create table tail (
    part integer not null,
    seq integer not null,
    count integer not null,
    data blob not null,
    primary key (part, seq)
) strict;

-- Rows of `tail` that could not be read when they were to be sealed: kept, and read by nothing.
create table broken_tail (
    id integer primary key autoincrement,
    part integer not null,
    seq integer not null,
    count integer not null,
    data blob not null
) strict;
