/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into the server: names under hanging.test are looked up until the file that SLOW_NAMES_UNTIL names
 * exists, as with a name server that does not answer. All others go to the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*getaddrinfo_fn)(const char *node, const char *service, const struct addrinfo *hints,
                              struct addrinfo **out);

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out)
{
    getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *until = getenv("SLOW_NAMES_UNTIL");
    if (!node || !strstr(node, ".hanging.test") || (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(node, service, hints, out);
    while (until && access(until, F_OK) != 0)
        usleep(10000);
    return EAI_AGAIN;
}
