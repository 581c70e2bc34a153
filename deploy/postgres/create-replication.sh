#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Run once, by the postgres image when it makes the database of the first node: the role that the other node replicates
# as, and synchronous replication. What pg_rewind reads at the other node it reads as this role, too.
set -eu
DPPR_REPLICATION_PASSWORD=$(cat /run/dppr/replication/password)
export DPPR_REPLICATION_PASSWORD
psql -X -q -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password DPPR_REPLICATION_PASSWORD
create role dppr_replication login replication password :'password';
grant execute on function
    pg_catalog.pg_ls_dir(text, boolean, boolean),
    pg_catalog.pg_stat_file(text, boolean),
    pg_catalog.pg_read_binary_file(text),
    pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)
to dppr_replication;
alter system set synchronous_standby_names = 'FIRST 1 (postgres_a, postgres_b)';
SQL
echo "host replication dppr_replication all scram-sha-256" >>"$PGDATA/pg_hba.conf"
