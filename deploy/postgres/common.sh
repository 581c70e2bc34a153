# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What status, promote, rejoin and alone share. They act on the compose project that `docker compose -f
# deploy/compose.scaled.yaml` means: COMPOSE_PROJECT_NAME and COMPOSE_FILE choose another, and COMPOSE another program
# with its options.
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
nodes=(postgres-a postgres-b)
synchronous="FIRST 1 (postgres_a, postgres_b)"

if [ -n "${COMPOSE:-}" ]; then
    read -r -a program <<<"$COMPOSE"
else
    if docker compose version >/dev/null 2>&1; then program=(docker compose); else program=(docker-compose); fi
    [ -n "${COMPOSE_FILE:-}" ] || program+=(-f "$deploy/compose.scaled.yaml")
fi
compose() { "${program[@]}" "$@" </dev/null; }

say() { printf '%s\n' "$*"; }
refuse() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

other_than() { if [ "$1" = postgres-a ]; then echo postgres-b; else echo postgres-a; fi; }

# The container of a node, running or not; compose takes its time, so it is asked once.
declare -A containers
find_containers() {
    local node
    for node in "${nodes[@]}"; do containers[$node]=$(compose ps -q "$node" 2>/dev/null || true); done
}
find_containers

# node_sql NODE SQL...: each a transaction of its own. SQL_TIMEOUT seconds (30) for all of it.
node_sql() {
    local node=$1 commands=() sql
    shift
    for sql; do commands+=(-c "$sql"); done
    [ -n "${containers[$node]}" ] || return 1
    timeout "${SQL_TIMEOUT:-30}" docker exec "${containers[$node]}" \
        psql -X -At -q -v ON_ERROR_STOP=1 -U dppr -d dppr "${commands[@]}" </dev/null 2>/dev/null
}
node_is() { # primary, standby or away
    case $(SQL_TIMEOUT=20 node_sql "$1" "select pg_is_in_recovery()") in
        f) echo primary ;;
        t) echo standby ;;
        *) echo away ;;
    esac
}
find_node() { # primary | standby; empty when there is none, refuses two
    local node found=()
    for node in "${nodes[@]}"; do
        [ "$(node_is "$node")" != "$1" ] || found+=("$node")
    done
    [ ${#found[@]} -lt 2 ] || refuse "both nodes are a $1"
    echo "${found[*]}"
}
wait_until() { # SECONDS WHAT COMMAND...
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $end ] || refuse "$what: not within the time"
        sleep 0.5
    done
}

# node_mark NODE leave|join|fence|forget: what deploy/postgres/node does with its data, whether or not it runs.
node_mark() { compose run --rm --no-deps -T "$1" "$2" >/dev/null 2>&1; }
# Whether the primary has gone on without this one. It says so beside the data, not in them: a standby that is cut off, or
# comes back when the primary has died, has no other way to know.
node_is_left() { ! docker exec "${containers[$1]}" test ! -e /data/left; }

# Whether COMMIT waits for the standby.
set_synchronous() { # NODE
    node_sql "$1" "alter system set synchronous_standby_names = '$synchronous'" "select pg_reload_conf()" >/dev/null
}
set_alone() { # NODE
    node_sql "$1" "alter system set synchronous_standby_names = ''" "select pg_reload_conf()" >/dev/null
}
