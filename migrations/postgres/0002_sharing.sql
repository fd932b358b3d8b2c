-- The processes that share this database. One that has not said so for five seconds is deleted by another, and its leases with it;
-- a transaction of its own that writes holds the row (`for key share`), so that none of them commits after that.
create table node (
    name text primary key,
    seen_at timestamptz not null
);

-- Which process monitors an asset.
create table lease (
    asset text primary key,
    node text not null references node (name) on delete cascade,
    since timestamptz not null default now()
);

create index lease_by_node on lease (node);
