/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of move destinations that behave badly. getaddrinfo is this program's own: some names it answers
 * itself, the others as the C library does. The destination is the service under test.
 */
#include <dlfcn.h>
#include <netdb.h>

#include "service_test.h"

#define HANGING "hanging.test" /* not answered until `may_answer` */
#define TWOFOLD "twofold.test" /* SILENT_ADDRESS first, then 127.0.0.1 */

#define SILENT_ADDRESS "127.0.0.2"

typedef int (*getaddrinfo_fn)(const char *node, const char *service, const struct addrinfo *hints,
                              struct addrinfo **out);

static _Atomic unsigned hanging;
static _Atomic bool may_answer;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
    bool is_lookup = !hints || !(hints->ai_flags & AI_NUMERICHOST);
    if (is_lookup && node && strcmp(node, HANGING) == 0) {
        for (hanging++; !may_answer;)
            usleep(1000);
        return EAI_AGAIN;
    }
    if (is_lookup && node && strcmp(node, TWOFOLD) == 0) {
        if (real(SILENT_ADDRESS, service, hints, out) != 0 ||
            real("127.0.0.1", service, hints, &(*out)->ai_next) != 0)
            abort();
        return 0;
    }
    return real(node, service, hints, out);
}

static const char *const move_only[] = {UID_PROTOCOL_MOVE, NULL};

static struct dimse_command move_request(const char *destination, uint16_t id)
{
    struct dimse_command rq = request(DIMSE_C_MOVE_RQ, UID_PROTOCOL_MOVE, id);
    rq.has |= CMD_HAS_DESTINATION;
    snprintf(rq.destination, sizeof rq.destination, "%s", destination);
    return rq;
}

static void open_moves(struct raw *raw, struct harness *h, struct buf *octets)
{
    struct arena *a = arena_new(65536);
    encode(identifier(a, TAG_SOPInstanceUID, "UI", "1.2.3.1"), octets);
    arena_free(a);
    raw_open(raw, h->port, "DPPR", "CLIENT", move_only);
}

static bool has_final(void *arg)
{
    const struct raw *r = arg;
    return r->is_closed || (r->count && r->responses[r->count - 1].status != STATUS_PENDING);
}

static bool all_lookups_hang(void *arg)
{
    (void)arg;
    return hanging == 2; /* as many as the harness has threads for names */
}

/* Moves that need no lookup, enough of them to pass through every retrieve worker: when they are done, so is
 * whatever was told to the workers before. */
static void settle(struct harness *h)
{
    for (unsigned i = 1; i <= 8; i++) {
        struct raw raw;
        struct buf octets;
        char title[8];
        snprintf(title, sizeof title, "NUM%u", i);
        test_sql("insert into dpp.application_entities (ae_title, host, port)"
                 " values ('%s', '127.0.0.1', %u)",
                 title, h->port);
        open_moves(&raw, h, &octets);
        struct dimse_command rq = move_request(title, 1);
        raw_send(&raw, 1, &rq, &octets);
        assert_true(loop_run_until(raw.loop, has_final, &raw, PATIENCE_MS));
        raw_close(&raw);
        buf_fini(&octets);
    }
}

static void names_that_hang_hold_up_no_store(void **state)
{
    struct harness *h = *state;
    struct raw raw;
    struct buf octets;
    clear_objects();
    struct scu *s = connect_scu(h);
    store_protocol(s, "1.2.3.1", "A", 0);
    open_moves(&raw, h, &octets);
    for (uint16_t id = 1; id <= 4; id++) {
        char title[8];
        snprintf(title, sizeof title, "HANG%u", id);
        test_sql("insert into dpp.application_entities (ae_title, host, port)"
                 " values ('%s', '" HANGING "', 104)",
                 title);
        struct dimse_command rq = move_request(title, id);
        raw_send(&raw, 1, &rq, &octets);
    }
    raw_wait(&raw, 4);
    assert_true(wait_until(all_lookups_hang, NULL));
    store_protocol(s, "1.2.3.2", "B", 9000); /* large: it needs a thread of the pool for work */
    raw_close(&raw);
    settle(h); /* the lookups in the queue are given up before a thread is free for them */
    may_answer = true;
    scu_close(s);
    buf_fini(&octets);
}

/* Takes connections until its queue is full and says nothing on any; so connecting to it, or else asking
 * for an association, times out. */
static int silent_listener(uint16_t port, int fill[4])
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, SILENT_ADDRESS, &to.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (unsigned i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (struct sockaddr *)&to, sizeof to);
    }
    return fd;
}

static void a_silent_address_is_followed_by_the_next(void **state)
{
    struct harness *h = *state;
    struct raw raw;
    struct buf octets;
    int fill[4];
    clear_objects();
    struct scu *s = connect_scu(h);
    store_protocol(s, "1.2.3.1", "A", 0);
    scu_close(s);
    int fd = silent_listener(h->port, fill);
    test_sql("insert into dpp.application_entities (ae_title, host, port)"
             " values ('TWOFOLD', '" TWOFOLD "', %u)",
             h->port);
    open_moves(&raw, h, &octets);
    struct dimse_command rq = move_request("TWOFOLD", 1);
    raw_send(&raw, 1, &rq, &octets);
    assert_true(loop_run_until(raw.loop, has_final, &raw, PATIENCE_MS));
    assert_false(raw.is_closed);
    const struct dimse_command *final = &raw.responses[raw.count - 1];
    if (final->status != STATUS_SUCCESS)
        fail_msg("%04X %s", final->status, final->comment);
    assert_int_equal(final->completed, 1);
    assert_int_equal(hanging, 2); /* lookups given up while they waited were not begun later */
    raw_close(&raw);
    buf_fini(&octets);
    for (unsigned i = 0; i < 4; i++)
        close(fill[i]);
    close(fd);
}

static int setup(void **state)
{
    static struct harness harness;
    struct service_config c = test_config();
    if (service_testdb_setup() != 0)
        return -1;
    c.any_called_title = true;
    c.assoc.connect_ms = 300;
    c.progress_interval_ms = 1000;
    harness_start(&harness, &c);
    *state = &harness;
    return 0;
}

static int teardown(void **state)
{
    may_answer = true;
    harness_stop(*state);
    return service_testdb_teardown();
}

int main(void)
{
    log_configure(getenv("DPPR_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_hang_hold_up_no_store),
        cmocka_unit_test(a_silent_address_is_followed_by_the_next),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
