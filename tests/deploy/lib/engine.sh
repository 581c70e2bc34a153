# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# engine_start: the engine that answers, or one that is started here and stopped at the end. Status 77 when
# none can be started at all. Sets compose_program; DPPR_TEST_COMPOSE chooses another, "v2" Debian 13's in a
# container.

engine_answers() { docker info >/dev/null 2>&1; }

# The group "deploy" of packages.list; Debian 13 has the docker command in a package of its own.
engine_packages() {
    [ "$(id -u)" = 0 ] || cannot "no engine answers, and only root can install and start one"
    tools/install-packages deploy
    command -v docker >/dev/null ||
        DEBIAN_FRONTEND=noninteractive quietly docker-cli apt-get install -q -y --no-install-recommends docker-cli
}

engine_run() {
    setsid dockerd >"$work/dockerd.log" 2>&1 &
    engine_pid=$!
    at_end engine_stop
    for _ in $(seq 60); do
        ! engine_answers || return 0
        kill -0 "$engine_pid" 2>/dev/null || break
        sleep 1
    done
    tail -n 20 "$work/dockerd.log" >&2
    cannot "dockerd does not start on this machine"
}
engine_stop() {
    kill "$engine_pid" 2>/dev/null
    wait "$engine_pid" 2>/dev/null
    return 0
}

engine_start() {
    if ! engine_answers || ! engine_compose; then engine_packages; fi
    engine_answers || engine_run
    engine_compose || fail "there is no compose"
    ok "docker $(docker version -f '{{.Server.Version}}'), ${compose_program[*]#"$root/"} $("${compose_program[@]}" version --short)"
}

# The plugin (v2) where there is one, else the program docker-compose (1.29, or v2 under that name).
engine_compose() {
    if [ "${DPPR_TEST_COMPOSE:-}" = v2 ]; then
        image_compose
        compose_program=("$root/tests/deploy/standin/compose-v2")
    elif [ -n "${DPPR_TEST_COMPOSE:-}" ]; then
        read -r -a compose_program <<<"$DPPR_TEST_COMPOSE"
    elif docker compose version >/dev/null 2>&1; then
        compose_program=(docker compose)
    else
        compose_program=(docker-compose)
    fi
    "${compose_program[@]}" version >/dev/null 2>&1
}
