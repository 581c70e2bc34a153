# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a case says, and what is done when it ends, however it ends.

work=$(mktemp -d)
at_end_commands=()
said=

step() { printf '\n== %s\n' "$*"; }
ok() { printf 'ok: %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    said=yes
    exit 1
}
cannot() { # what the test has to have is not to be had on this machine: neither passed nor failed
    printf 'CANNOT RUN: %s\n' "$*" >&2
    said=yes
    exit 77
}

# at_end COMMAND: run when the script ends, the last one first. Only what this script made is undone.
at_end() { at_end_commands+=("$1"); }
finish() {
    local status=$? i
    trap '' INT TERM
    set +e
    [ $status = 0 ] || [ -n "$said" ] || printf 'FAILED: status %s, no reason given\n' $status >&2
    for ((i = ${#at_end_commands[@]} - 1; i >= 0; i--)); do
        failed=$status eval "${at_end_commands[i]}"
    done
    rm -rf --one-file-system "$work"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# quietly NAME COMMAND...: its output goes to $work/NAME.log and is shown when it fails.
quietly() {
    local log=$work/$1.log
    shift
    "$@" >"$log" 2>&1 || {
        local status=$?
        tail -n 60 "$log" >&2
        return $status
    }
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. The time is an upper bound for slow machines.
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "$what: not within the time"
        sleep 0.5
    done
}
