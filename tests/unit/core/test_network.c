/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/network.h"

static void addresses_are_in_their_networks(void **state)
{
    static const struct {
        const char *network, *address;
        bool is_in;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.99/24", "192.0.2.1", true},
        {"10.0.0.0/9", "10.127.255.255", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"fe80::/10", "fe80::1%eth0", true},
        {"::1", "::1", true},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
        {"127.0.0.0/8", "local", false},
        {"127.0.0.0/8", "unknown", false},
        {"127.0.0.0/8", "", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct network n;
        assert_true(network_parse(cases[i].network, &n));
        if (network_has(&n, cases[i].address) != cases[i].is_in)
            fail_msg("%s in %s", cases[i].address, cases[i].network);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "x",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.0/",
        "192.0.2.0/33",
        "192.0.2.0/x",
        "192.0.2.0/-1",
        "192.0.2.0/ 8",
        "2001:db8::/129",
        "/24",
        "host.example",
        "192.0.2.0/24/8",
        "192.0.2.0/0024",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct network n;
        if (network_parse(wrong[i], &n))
            fail_msg("%s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_in_their_networks),
        cmocka_unit_test(what_is_no_network_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
