/* SPDX-License-Identifier: Apache-2.0 */
#include "core/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_OFFSET = 12, V6_BITS = 128, V4_BITS = 32 };

/* *bits: of the whole address. */
static bool parse_address(const char *text, uint8_t octets[16], unsigned *bits)
{
    static const uint8_t v4_mapped[V4_OFFSET] = {[10] = 0xFF, [11] = 0xFF};

    memcpy(octets, v4_mapped, sizeof(v4_mapped));
    *bits = V4_BITS;
    if (inet_pton(AF_INET, text, octets + V4_OFFSET) == 1)
        return true;
    *bits = V6_BITS;
    return inet_pton(AF_INET6, text, octets) == 1;
}

bool network_parse(const char *text, struct network *out)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    unsigned most;

    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!parse_address(address, out->octets, &most))
        return false;
    out->bits = most;
    if (slash) {
        const char *digits = slash + 1;
        size_t n = strspn(digits, "0123456789");
        if (n == 0 || n > 3 || digits[n] || strtoul(digits, NULL, 10) > most)
            return false;
        out->bits = (unsigned)strtoul(digits, NULL, 10);
    }
    out->bits += V6_BITS - most;
    return true;
}

bool network_has(const struct network *n, const char *address)
{
    char plain[INET6_ADDRSTRLEN];
    size_t len = strcspn(address, "%"); /* fe80::1%eth0 */
    uint8_t octets[16];
    unsigned bits;

    if (len >= sizeof(plain))
        return false;
    memcpy(plain, address, len);
    plain[len] = '\0';
    if (!parse_address(plain, octets, &bits))
        return false;
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(octets, n->octets, whole) != 0)
        return false;
    return rest == 0 || (octets[whole] ^ n->octets[whole]) >> (8 - rest) == 0;
}

bool networks_have(const struct network *list, unsigned count, const char *address)
{
    for (unsigned i = 0; i < count; i++) {
        if (network_has(&list[i], address))
            return true;
    }
    return false;
}

bool address_is_loopback(const char *address)
{
    static const struct network v4 = {{[10] = 0xFF, [11] = 0xFF, [12] = 127}, 96 + 8};
    static const struct network v6 = {{[15] = 1}, V6_BITS};

    return network_has(&v4, address) || network_has(&v6, address);
}

void address_format(const struct sockaddr *addr, char host[ADDRESS_TEXT],
                    char host_port[ADDRESS_TEXT])
{
    char text[INET6_ADDRSTRLEN] = "";
    bool is_v6 = false;
    unsigned port = 0;

    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, addr, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
        port = ntohs(in.sin_port);
    } else if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in;

        memcpy(&in, addr, sizeof(in));
        is_v6 = !IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
        if (is_v6)
            inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
        else
            inet_ntop(AF_INET, in.sin6_addr.s6_addr + 12, text, sizeof(text));
        port = ntohs(in.sin6_port);
    } else {
        snprintf(host, ADDRESS_TEXT, "local");
        snprintf(host_port, ADDRESS_TEXT, "local");
        return;
    }
    snprintf(host, ADDRESS_TEXT, "%s", text);
    snprintf(host_port, ADDRESS_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", text, port);
}
