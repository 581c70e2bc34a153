# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the failure cases share: deploy/compose.scaled.yaml under the load of tests/deploy/load. A case:
#
#   source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
#   source "$root/tests/deploy/load/case.sh"
#   load_begin                              two servers, behind the balancer, serve the load
#   load mark fault
#   ...                                     what fails
#   load_recovers                           the load is steady again, for a while
#   load_end RULE...                        stops and judges it; a failed attempt that no RULE explains fails the case
#
# DPPR_TEST_CLIENTS (8) is the number of clients, besides two that only read; DPPR_TEST_SECONDS (15) how long the load runs undisturbed before and
# after. Reports go to DPPR_TEST_REPORTS (build/deploy), NAME.txt and NAME.json.
clients=${DPPR_TEST_CLIENTS:-8}
readers=2
undisturbed=${DPPR_TEST_SECONDS:-15}
reports=${DPPR_TEST_REPORTS:-build/deploy}
case_name=$(basename "$0")
record=$work/record

load() { local what=$1; shift; tests/deploy/load/load "$what" "$record" "$@"; }

# ---- the project's containers ----------------------------------------------------------------------------
host_pid() { docker inspect -f '{{.State.Pid}}' "$1"; }      # CONTAINER
is_running() { [ "$(docker inspect -f '{{.State.Running}}' "$1")" = true ]; }
address_in() { docker inspect -f "{{(index .NetworkSettings.Networks \"${project}_$2\").IPAddress}}" "$1"; } # CONTAINER NETWORK
# Without a word to the engine, so that the restart policy holds as it does for a crash.
crash() { kill -KILL "$(host_pid "$1")"; }

in_postgres() { docker exec -i "$1" psql -XAtq -v ON_ERROR_STOP=1 -U dppr -d dppr "${@:2}"; } # CONTAINER [PSQL-OPTION...]
is_primary() { [ "$(in_postgres "$(container "$1")" -c "select pg_is_in_recovery()" 2>/dev/null </dev/null)" = f ]; }
primary() { # the service that is the primary
    local node
    for node in postgres-a postgres-b; do ! is_primary "$node" || echo $node; done
}
other_node() { if [ "$1" = postgres-a ]; then echo postgres-b; else echo postgres-a; fi; }
sql() { in_postgres "$(container "$(primary)")" "$@"; }
is_synchronous() { [ "$(sql -c "select sync_state from pg_stat_replication where state = 'streaming'" 2>/dev/null)" = sync ]; }
compose_words() { echo "${compose_program[*]} -p $project ${compose_files[*]} --env-file $work/env"; }
postgres_script() { COMPOSE="$(compose_words)" "deploy/postgres/$1" "${@:2}"; } # promote, rejoin ...

# Seconds since a mark.
load_since() { awk -v now="$(date +%s.%N)" -F'[:,]' "/\"$1\"/ { printf \"%d\", now - \$2; exit }" "$record/marks.jsonl"; }

# ---- the load --------------------------------------------------------------------------------------------
load_packages() {
    /usr/bin/python3 -c 'import pydicom' 2>/dev/null || tools/install-packages test
}

# load_begin [OPTION-OF-LOAD-RUN...]
load_begin() {
    local gateway port
    load_packages
    deploy_begin deploy/compose.scaled.yaml
    step "two servers, two databases"
    quietly up compose up -d
    wait_healthy server 1
    wait_healthy server 2
    wait_healthy balancer
    wait_for 180 "the standby is synchronous" is_synchronous
    ok "the standby is synchronous"

    step "the load"
    # Containers reach this host, which plays the move destinations, at the gateway of their network.
    gateway=$(docker inspect -f "{{(index .NetworkSettings.Networks \"${project}_front\").Gateway}}" "$(container server)")
    port=$(free_port)
    tests/deploy/load/load peers --clients $((clients + readers)) --destination "$gateway:$port" | sql || fail "the rows of the peers cannot be made"
    mkdir -p "$record"
    load run --address "127.0.0.1:$dicom_port" --clients "$clients" --readers "$readers" --destination "$gateway:$port" "$@" &
    load_pid=$!
    at_end 'kill $load_pid 2>/dev/null'
    load wait
    sleep "$undisturbed"
    ok "$((clients + readers)) clients are served"
}

# load_recovers [SECONDS]: how long it may take at most, on a slow machine
load_recovers() {
    load wait --seconds "${1:-240}" || fail "the load has not recovered"
    load mark recovered
    ok "steady again"
    sleep "$undisturbed"
}

load_end() {
    local servers=() rules=() id rule status=0
    step "the ledger"
    load stop || fail "the load does not stop"
    for id in $(containers server); do servers+=(--server "$(address_in "$id" front):11112"); done
    for rule; do rules+=(--explain "$rule"); done
    load judge "${servers[@]}" "${rules[@]}" --title "$case_name" \
        --sql "docker exec -i $(container "$(primary)") psql -XAtq -v ON_ERROR_STOP=1 -U dppr -d dppr" || status=$?
    mkdir -p "$reports"
    for kind in txt json; do [ ! -e "$record/report.$kind" ] || cp "$record/report.$kind" "$reports/$case_name.$kind"; done
    [ $status = 0 ] || fail "see the problems above"
}
