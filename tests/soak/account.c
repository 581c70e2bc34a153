/* SPDX-License-Identifier: Apache-2.0
 *
 * What a peer wants and has got, what the server has promised to keep, and which statuses it has answered with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

enum { MAX_STATUSES = 128 };

/* ---- objects ---- */

void peer_want_nothing(struct peer *p)
{
    p->wanted_count = p->come_count = 0;
}

void peer_want(struct peer *p, struct object x)
{
    for (unsigned i = 0; i < p->wanted_count; i++) {
        if (p->wanted[i].number == x.number) {
            return;
        }
    }
    if (p->wanted_count < MAX_WANTED) {
        p->has_come[p->wanted_count] = false;
        p->wanted[p->wanted_count++] = x;
    }
}

void peer_put_wanted_uids(struct peer *p, enum syntax s)
{
    struct octets uids = {0};
    for (unsigned i = 0; i < p->wanted_count; i++) {
        char uid[65];
        object_uid(&p->wanted[i], uid);
        put_string(&uids, i ? "\\" : "");
        put_string(&uids, uid);
    }
    p->object.len = 0;
    put_element(&p->object, s, 0x00080018, "UI", uids.data, uids.len);
    octets_free(&uids);
}

static bool is_whole(const struct object *x, enum syntax s, const struct octets *data)
{
    char uid[65], found[65];
    if (s == x->syntax) {
        static struct octets made;
        made.len = 0;
        put_object(&made, x);
        return made.len == data->len && memcmp(made.data, data->data, made.len) == 0;
    }
    /* Converted: what became of it is for others to test. */
    object_uid(x, uid);
    return s == DEFLATED || (find_text(data->data, data->len, s, 0x00080018, found, sizeof found) &&
                             strcmp(found, uid) == 0);
}

const char *peer_take_object(struct peer *p, const char *uid, enum syntax s,
                             const struct octets *data)
{
    uint64_t number;
    unsigned i = 0;
    if (!object_number(uid, &number)) {
        return "an object that is not of this run";
    }
    while (i < p->wanted_count && p->wanted[i].number != number) {
        i++;
    }
    if (i == p->wanted_count) {
        return "an object that was not asked for";
    }
    if (p->has_come[i]) {
        return "an object came twice";
    }
    if (!is_whole(&p->wanted[i], s, data)) {
        return "an object is not what was stored";
    }
    p->has_come[i] = true;
    p->come_count++;
    return NULL;
}

/* ---- the account ---- */

static struct object *kept;
static unsigned kept_count, kept_room, attempts;

void acknowledge(struct object x)
{
    if (kept_count == kept_room) {
        kept_room = kept_room ? 2 * kept_room : 1024;
        kept = realloc(kept, kept_room * sizeof *kept);
        if (!kept) {
            perror("realloc");
            exit(2);
        }
    }
    kept[kept_count++] = x;
}

unsigned acknowledged_count(void)
{
    return kept_count;
}

struct object acknowledged(unsigned i)
{
    return kept[i];
}

void count_attempt(void)
{
    attempts++;
}

unsigned attempt_count(void)
{
    return attempts;
}

/* ---- statuses ---- */

static struct {
    uint16_t service, status;
    unsigned long count;
} statuses[MAX_STATUSES];

void count_status(uint16_t service, uint16_t status)
{
    for (unsigned i = 0; i < MAX_STATUSES; i++) {
        if (statuses[i].count == 0) {
            statuses[i].service = service;
            statuses[i].status = status;
        }
        if (statuses[i].service == service && statuses[i].status == status) {
            statuses[i].count++;
            return;
        }
    }
}

void print_statuses(void)
{
    printf("\"statuses\": {");
    for (unsigned i = 0; i < MAX_STATUSES && statuses[i].count; i++) {
        printf("%s\"%04X %04X\": %lu", i ? ", " : "", statuses[i].service, statuses[i].status,
               statuses[i].count);
    }
    printf("}");
}
