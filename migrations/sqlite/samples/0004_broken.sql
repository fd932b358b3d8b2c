-- What `andon doctor --repair` moved out of the way because it could not be read: kept, and read by nothing.
create table broken_block (
    id integer primary key autoincrement,
    tag_id integer not null,
    first_us integer not null,
    last_us integer not null,
    count integer not null,
    data blob not null
) strict;

create table broken_sample (
    id integer primary key autoincrement,
    tag_id integer not null,
    time_us integer not null,
    value any,
    status integer
) strict;
