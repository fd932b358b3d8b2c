"""The stores that are compared, one file each. Add a peer: its file, and its place in CONTENDERS."""
from .andon import Andon
from .duck import Duck
from .influx import Influx
from .parquet import Parquet
from .postgres import Postgres
from .sqlite import Sqlite
from .victoria import Victoria

CONTENDERS = (Andon, Sqlite, Duck, Parquet, Victoria, Influx, Postgres)
