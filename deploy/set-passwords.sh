#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tells PostgreSQL the passwords that the service `secrets` has put in place: after they have been changed, or
# when its volumes were lost. As PostgreSQL trusts its own container, no present password is needed:
#
#   docker compose -f deploy/compose.yaml exec -T postgres sh <deploy/set-passwords.sh
set -eu
for role in dppr:admin dppr_server:server; do
    PASSWORD=$(cat "/run/dppr/${role#*:}/password")
    export PASSWORD
    psql -X -q -v ON_ERROR_STOP=1 -U dppr -d dppr -v role="${role%:*}" <<'SQL'
\getenv password PASSWORD
set log_min_error_statement = panic;
alter role :"role" password :'password';
SQL
    echo "${role%:*}: set"
done
