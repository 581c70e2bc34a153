#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run by the service `secrets`, at each start before everything else: the passwords of the database's roles,
# each in a volume of its own that only those services mount which need it. For each folder /secrets/NAME:
#
#   given   file /given/NAME (deploy/secrets/NAME of the host) or variable DPPR_NAME_PASSWORD: taken as it is
#   kept    what the volume has from before
#   made    random, at the first start
#
# It leaves `password` (for who makes the role) and `pgpass` (libpq's PGPASSFILE, for user 10001: dppr). The
# volumes lie below the engine's folder, where only root gets; no value is printed, or stands in a command line.
set -eu
umask 077

for folder in /secrets/*/; do
    name=$(basename "$folder")
    variable=DPPR_$(echo "$name" | tr a-z A-Z)_PASSWORD
    eval "value=\${$variable:-}"
    if [ -s "/given/$name" ]; then
        value=$(cat "/given/$name")
        source="file deploy/secrets/$name"
    elif [ -n "$value" ]; then
        source="variable $variable"
    elif [ -s "$folder/password" ]; then
        value=$(cat "$folder/password")
        source="made before"
    else
        value=$(od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n')
        source=new
    fi
    [ -n "$value" ] || { echo "$name: the password is empty" >&2; exit 1; }

    # Other files and a rename, so that nobody reads half of one.
    rm -f "$folder/.password" "$folder/.pgpass"
    printf '%s\n' "$value" >"$folder/.password"
    printf '%s\n' "$value" | sed 's/[\\:]/\\&/g; s/^/*:*:*:*:/' >"$folder/.pgpass"
    chmod 444 "$folder/.password"
    chown 10001:10001 "$folder/.pgpass"
    mv -f "$folder/.password" "$folder/password"
    mv -f "$folder/.pgpass" "$folder/pgpass"
    chmod 755 "$folder"
    sync # before PostgreSQL knows it: a power failure must not take it away again
    echo "$name: $source"
done
