# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# One compose project of its own for the case, on host ports that are free, and what is asked of its services.

# compose_begin COMPOSE-FILE...: sets project, dicom_port, http_port. Settings for compose go into $work/env, one
# NAME=VALUE a line, or are exported.
compose_begin() {
    local file
    project=dppr-test-$(basename "$0")-$$
    compose_files=()
    for file; do compose_files+=(-f "$file"); done
    dicom_port=$(free_port)
    http_port=$(free_port)
    export DPPR_PUBLISH_DICOM=127.0.0.1:$dicom_port DPPR_PUBLISH_HTTP=127.0.0.1:$http_port
    export DPPR_PUBLISH_DICOM_TLS DPPR_PUBLISH_BALANCER
    DPPR_PUBLISH_DICOM_TLS=127.0.0.1:$(free_port)
    DPPR_PUBLISH_BALANCER=127.0.0.1:$(free_port)
    # A network of its own; compose.scaled.yaml has it fixed.
    export DPPR_FRONT=100.$((64 + RANDOM % 64)).$((RANDOM % 256))
    : >"$work/env"
    at_end compose_end
}
compose() { "${compose_program[@]}" -p "$project" "${compose_files[@]}" --env-file "$work/env" "$@"; }

compose_end() { # in `finish`, which sets failed
    # shellcheck disable=SC2154
    [ "$failed" = 0 ] || { compose ps; compose logs --no-color --tail 40; } >&2
    quietly down compose down --volumes --remove-orphans --timeout 60
}

# Nobody listens there now; below the ports that the system gives to clients.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo $port
}

# containers SERVICE: their ids, in the order of their numbers, stopped ones too.
containers() {
    docker ps -a --no-trunc --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" \
        --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.container-number"}} {{.ID}}' |
        sort -n | cut -d' ' -f2
}
container() { containers "$1" | sed -n "${2:-1}p"; } # SERVICE [N]

health() { docker inspect -f '{{.State.Health.Status}}' "$(container "$@")" 2>/dev/null; } # SERVICE [N]
is_healthy() { [ "$(health "$@")" = healthy ]; }
is_unhealthy() { [ "$(health "$@")" = unhealthy ]; }
wait_healthy() { wait_for 180 "$* is healthy" is_healthy "$@"; } # SERVICE [N]
exit_status() { docker inspect -f '{{.State.ExitCode}}' "$(container "$@")"; }

# A DICOM client on this host.
dppr() { docker run --rm --network host "$DPPR_IMAGE" "$@"; }
# An administrator's command.
admin() { compose run --rm -T admin "$@" 2>"$work/admin.err" || { cat "$work/admin.err" >&2; return 1; }; }
