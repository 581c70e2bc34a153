/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/objects: protocols that are made from a number, so that what comes back can be compared octet for
 * octet without having been kept.
 *
 *   0 to BASE_COUNT - 1   the base: stored before the run, queried and retrieved all the time; by tens they have
 *                         one Content Creator's Name; from BASE_SMALL on they are as large as LARGE ones get, and
 *                         the last BASE_LARGE are of a mebibyte each
 *   from FIRST_OWN on     what associations store, OWN_OBJECTS numbers for each of them
 */
#ifndef SOAK_OBJECTS_H
#define SOAK_OBJECTS_H

#include "wire.h"

enum {
    BASE_COUNT = 240,
    BASE_LARGE = 8,
    BASE_SMALL = 216,
    GROUP_SIZE = 10,
    GROUPS = BASE_COUNT / GROUP_SIZE
};
enum { FIRST_OWN = 1000, OWN_OBJECTS = 16 };

enum shape {
    PLAIN,
    LARGE,     /* 70 to 300 KiB, taken apart on a side thread */
    LARGEST,   /* 300 KiB */
    IMMENSE,   /* 1 MiB */
    IMPERFECT, /* breaks its IOD and has private attributes: kept all the same */
};

struct object {
    uint64_t number;
    uint8_t shape;
    uint8_t syntax;
    uint8_t variant; /* other content under the same UID */
};

extern uint64_t seed; /* of the run */

struct object base_object(unsigned index);
struct object own_object(uint64_t association, unsigned k, enum shape shape, enum syntax syntax);
const char *object_class(const struct object *x);
uint8_t object_context(const struct object *x);
void object_uid(const struct object *x, char out[65]);
/* The number behind a UID of ours; false = none of ours. */
bool object_number(const char *uid, uint64_t *number);
void object_name(const struct object *x, char out[65]);
/* What all of a group of the base have: Content Creator's Name, code of the anatomic region. */
void group_name(unsigned group, char out[65]);
void region_code(unsigned group, char out[65]);
void put_object(struct octets *o, const struct object *x);
void put_deflated(struct octets *o, const struct octets *plain);

#endif
