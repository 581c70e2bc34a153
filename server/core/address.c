/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core_internal.h"

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
