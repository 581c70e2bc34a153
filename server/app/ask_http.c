/* SPDX-License-Identifier: Apache-2.0
 *
 * A question to the server on this machine, over HTTP, as a probe asks it.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "app_internal.h"

enum { HTTP_TIMEOUT_S = 4 };

const char *local_address(const char *configured)
{
    bool everywhere = !*configured || strcmp(configured, "*") == 0 ||
                      strcmp(configured, "0.0.0.0") == 0 || strcmp(configured, "::") == 0;

    return everywhere ? "127.0.0.1" : configured;
}

bool ask_http(const struct config *c, const char *path, char *line, size_t size)
{
    struct timeval limit = {.tv_sec = HTTP_TIMEOUT_S};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8], request[256];
    size_t len = 0;

    line[0] = '\0';
    snprintf(service, sizeof(service), "%u", (unsigned)c->http_port);
    int asked =
        snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    if (asked >= (int)sizeof(request) ||
        getaddrinfo(local_address(c->http_address), service, &hints, &found) != 0)
        return false;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_open = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
                   setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
                   connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                   send(fd, request, (size_t)asked, MSG_NOSIGNAL) > 0;
    while (is_open && len + 1 < size && !memchr(line, '\n', len)) {
        ssize_t n = recv(fd, line + len, size - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return strncmp(line, "HTTP/", 5) == 0 && strstr(line, " 200 ") != NULL;
}
