#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run once, by the postgres image when it makes the database: the role that the server logs in as. Its
# rights come from `dppr migrate`. The password goes by the environment, not the command line.
set -eu
DPPR_SERVER_PASSWORD=$(cat /run/dppr/server/password)
export DPPR_SERVER_PASSWORD
psql -X -q -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password DPPR_SERVER_PASSWORD
create role dppr_server login password :'password';
-- A pooler hands on no settings of the server's sessions (docs/operations.md).
alter role dppr_server set lock_timeout = '30s';
SQL
