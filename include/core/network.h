/* SPDX-License-Identifier: Apache-2.0
 *
 * core/network: IP addresses in words, and networks as settings name them: "192.0.2.7", "192.0.2.0/24",
 * "2001:db8::/32".
 */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv4 is kept as IPv4-mapped IPv6, so that both are compared alike. */
struct network {
    uint8_t octets[16];
    unsigned bits;
};

/* Bits behind the prefix are not significant. false = it is neither address nor network. */
bool network_parse(const char *text, struct network *out);
/* address as stream_peer_address gives it; one that is no IP address is in no network. */
bool network_has(const struct network *n, const char *address);
bool networks_have(const struct network *list, unsigned count, const char *address);
/* Likewise: an address of this very machine, 127.0.0.0/8 or ::1. */
bool address_is_loopback(const char *address);

/* "192.0.2.1" and "192.0.2.1:104"; IPv6 in brackets before a port; IPv4-mapped IPv6 as plain IPv4; anything that
 * is not IP is "local". */
enum { ADDRESS_TEXT = 64 };
void address_format(const struct sockaddr *addr, char host[ADDRESS_TEXT],
                    char host_port[ADDRESS_TEXT]);

#endif
