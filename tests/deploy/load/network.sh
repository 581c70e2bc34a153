# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A network that swallows packets, inside one container's own namespace: nothing of this host is touched, and it is gone
# with the container.

in_network_of() { # CONTAINER COMMAND...
    local pid
    pid=$(host_pid "$1")
    shift
    nsenter --net --target "$pid" "$@"
}
network_rules() { # -I | -D CONTAINER ADDRESS...
    local address
    for address in "${@:3}"; do
        in_network_of "$2" iptables -w "$1" INPUT -s "$address" -j DROP
        in_network_of "$2" iptables -w "$1" OUTPUT -d "$address" -j DROP
    done
}
# Nothing gets through any more between the container and these addresses, and nobody is told.
network_cut() { network_rules -I "$@"; } # CONTAINER ADDRESS...
network_heal() { network_rules -D "$@"; }

# What a server itself says, asked inside its container.
is_ready() { docker exec "$1" dppr health /readyz >/dev/null 2>&1; }
not_ready() { ! is_ready "$1"; }
