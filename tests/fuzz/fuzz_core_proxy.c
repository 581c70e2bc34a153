/* SPDX-License-Identifier: Apache-2.0
 *
 * What a balancer says first. Whatever the octets are: a beginning that is wrong stays wrong, the length is known when
 * its octets are there and stays what it is, a decoder that gets just so many reads no further, and an address comes out
 * of those families only that have one.
 *
 * Input: the octets of a connection.
 */
#include "core/network.h"
#include "core/proxy.h"
#include "fuzz.h"

static void check_address(const struct proxy_header *h, const uint8_t *octets)
{
    char host[ADDRESS_TEXT], name[ADDRESS_TEXT];
    struct network n;

    if (h->source.ss_family == AF_UNSPEC)
        return;
    address_format((const struct sockaddr *)&h->source, host, name);
    CHECK(octets[12] == 0x21 && (octets[13] == 0x11 || octets[13] == 0x21));
    CHECK(network_parse(host, &n) && network_has(&n, host));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header h;
    struct err err;
    size_t length = PROXY_FIXED_BYTES;
    enum rc rc = RC_OK;

    for (size_t have = 0; have <= size && have <= PROXY_FIXED_BYTES; have++) {
        size_t said;
        enum rc now = proxy_length(span_of(data, have), &said, &err);
        CHECK(rc == RC_OK || now == rc);
        CHECK(now != RC_OK || have == PROXY_FIXED_BYTES || said == PROXY_FIXED_BYTES);
        rc = now;
        length = said;
    }
    if (rc != RC_OK || size < length) {
        CHECK(proxy_decode(span_of(data, size), &h, &err) == (rc ? rc : RC_INVALID));
        return 0;
    }
    CHECK(length >= PROXY_FIXED_BYTES && length <= PROXY_MAX_BYTES);
    struct span octets = heap_copy(span_of(data, length));
    rc = proxy_decode(octets, &h, &err);
    CHECK(rc == RC_OK || rc == RC_INVALID);
    if (rc == RC_OK)
        check_address(&h, octets.data);
    heap_free(octets);
    return 0;
}
