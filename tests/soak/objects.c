/* SPDX-License-Identifier: Apache-2.0 */
#include "objects.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

uint64_t seed = 1;

struct object base_object(unsigned index)
{
    static const uint8_t syntaxes[8] = {[3] = IMPLICIT, [5] = DEFLATED};
    return (struct object){
        .number = index,
        .shape = index >= BASE_COUNT - BASE_LARGE ? IMMENSE
                 : index >= BASE_SMALL            ? LARGEST
                                                  : PLAIN,
        .syntax = index >= BASE_SMALL ? EXPLICIT : syntaxes[index % 8],
    };
}

struct object own_object(uint64_t association, unsigned k, enum shape shape, enum syntax syntax)
{
    return (struct object){FIRST_OWN + association * OWN_OBJECTS + k, (uint8_t)shape,
                           (uint8_t)syntax, 0};
}

static bool is_xa(const struct object *x)
{
    return x->number % 5 == 4;
}

const char *object_class(const struct object *x)
{
    return is_xa(x) ? UID_XA : UID_CT;
}

uint8_t object_context(const struct object *x)
{
    static const uint8_t ids[SYNTAXES][2] = {
        [EXPLICIT] = {CTX_CT, CTX_XA},
        [IMPLICIT] = {CTX_CT_IMPLICIT, CTX_XA_IMPLICIT},
        [DEFLATED] = {CTX_CT_DEFLATED, CTX_XA_DEFLATED},
    };
    return ids[x->syntax][is_xa(x)];
}

/* Of this run: another seed has other UIDs. */
static unsigned run_number(void)
{
    return 100000000u + (unsigned)(seed % 900000000u);
}

void object_uid(const struct object *x, char out[65])
{
    snprintf(out, 65, "2.25.%u%012" PRIu64, run_number(), x->number);
}

bool object_number(const char *uid, uint64_t *number)
{
    char prefix[32];
    int n = snprintf(prefix, sizeof prefix, "2.25.%u", run_number());
    if (strncmp(uid, prefix, (size_t)n) != 0) {
        return false;
    }
    *number = strtoull(uid + n, NULL, 10);
    return true;
}

void object_name(const struct object *x, char out[65])
{
    snprintf(out, 65, "Soak %s %" PRIu64, x->number < BASE_COUNT ? "base" : "own", x->number);
}

void group_name(unsigned group, char out[65])
{
    snprintf(out, 65, "Group^No%02u", group);
}

void region_code(unsigned group, char out[65])
{
    snprintf(out, 65, "R%02u", group);
}

static void put_number(struct octets *o, enum syntax s, uint32_t tag, unsigned v)
{
    uint8_t le[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    put_element(o, s, tag, "US", le, 2);
}

static void put_code(struct octets *o, enum syntax s, uint32_t tag, const char *value,
                     const char *meaning)
{
    size_t sequence = open_sequence(o, s, tag), item = open_item(o);
    put_text(o, s, 0x00080100, "SH", value);
    put_text(o, s, 0x00080102, "SH", "99SOAK");
    put_text(o, s, 0x00080104, "LO", meaning);
    set_le32(o, item);
    set_le32(o, sequence);
}

/* One element with one or two constraints, as PS3.3 C.34.9 has them. */
static void put_constraints(struct octets *o, enum syntax s, struct rng *r)
{
    size_t sequence = open_sequence(o, s, 0x0018991F), item = open_item(o);
    size_t parameters = open_sequence(o, s, 0x00189913);
    for (unsigned i = rng_between(r, 1, 2); i > 0; i--) {
        char kv[16];
        size_t one = open_item(o);
        snprintf(kv, sizeof kv, "%u", 70 + 10 * rng_below(r, 8));
        put_element(o, s, 0x00720026, "AT", "\x18\0\x60\0", 4);
        put_number(o, s, 0x00720028, 1);
        put_text(o, s, 0x00720050, "CS", "DS");
        put_text(o, s, 0x00820018, "LO", "KVP");
        put_text(o, s, 0x00820019, "LO", "KVP");
        put_text(o, s, 0x00820032, "CS", "EQUAL");
        size_t values = open_sequence(o, s, 0x00820034), value = open_item(o);
        put_text(o, s, 0x00720072, "DS", kv);
        set_le32(o, value);
        set_le32(o, values);
        set_le32(o, one);
    }
    set_le32(o, parameters);
    put_number(o, s, 0x00189921, 1);
    set_le32(o, item);
    set_le32(o, sequence);
}

static size_t text_length(const struct object *x, struct rng *r)
{
    switch (x->shape) {
    case LARGE:
        return rng_between(r, 70, 300) * 1024;
    case LARGEST:
        return 300 * 1024;
    case IMMENSE:
        return 1024 * 1024;
    default:
        return rng_below(r, 600);
    }
}

/* Text that does not compress to nothing. */
static void put_prose(struct octets *o, enum syntax s, uint32_t tag, size_t len, struct rng *r)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz  .,-0";
    struct octets text = {0};
    while (text.len < len) {
        uint64_t bits = rng_next(r);
        for (unsigned i = 0; i < 12 && text.len < len; i++, bits >>= 5) {
            put_u8(&text, (uint8_t)letters[bits & 31]);
        }
    }
    put_element(o, s, tag, "UT", text.data, text.len);
    octets_free(&text);
}

static void put_attributes(struct octets *o, enum syntax s, const struct object *x)
{
    struct rng r = rng_of(seed ^ (uint64_t)x->variant << 32, x->number);
    bool is_imperfect = x->shape == IMPERFECT;
    char text[65], code[16];
    put_text(o, s, 0x00080005, "CS", "ISO_IR 192");
    put_text(o, s, 0x00080012, "DA", is_imperfect ? "2024-1-2" : "20240102");
    snprintf(text, sizeof text, "%02u%02u%02u", rng_below(&r, 24), rng_below(&r, 60),
             rng_below(&r, 60));
    put_text(o, s, 0x00080013, "TM", text);
    put_text(o, s, 0x00080016, "UI", object_class(x));
    object_uid(x, text);
    put_text(o, s, 0x00080018, "UI", text);
    put_text(o, s, 0x00080070, "LO", "Ver\xC3\xB8yer & S\xC3\xB8n");
    if (!is_imperfect) {
        put_text(o, s, 0x00080221, "CS", is_xa(x) ? "XA" : "CT");
    }
    put_text(o, s, 0x00081090, "LO", "Soak");
    region_code((unsigned)(x->number / GROUP_SIZE), text);
    put_code(o, s, 0x00082218, x->number < BASE_COUNT ? text : "OWN", "Region");
    if (is_imperfect) {
        put_text(o, s, 0x00110010, "LO", "SOAK");
        put_text(o, s, 0x00111001, "UN", "private");
    }
    put_text(o, s, 0x00181000, "LO", "1");
    put_text(o, s, 0x00181020, "LO", "1.0\\2.0");
    object_name(x, text);
    put_text(o, s, 0x00181030, "LO", text);
    snprintf(code, sizeof code, "P%u", rng_below(&r, 500));
    put_code(o, s, 0x00189906, code, "Scheduled");
    put_code(o, s, 0x00189907, code, "Requested");
    put_prose(o, s, 0x00189910, text_length(x, &r), &r);
    if (!is_imperfect) {
        put_constraints(o, s, &r);
        put_text(o, s, 0x00189947, "CS", "HFS");
    }
    group_name((unsigned)(x->number / GROUP_SIZE), text);
    put_text(o, s, 0x00700084, "PN", x->number < BASE_COUNT ? text : "Own^Soak");
}

void put_deflated(struct octets *o, const struct octets *plain)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        exit(2);
    }
    size_t at = o->len, room = deflateBound(&z, plain->len);
    put_fill(o, 0, room);
    z.next_in = plain->data;
    z.avail_in = (unsigned)plain->len;
    z.next_out = o->data + at;
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
        exit(2);
    }
    o->len = at + z.total_out;
    put_fill(o, 0, o->len % 2); /* PS3.5 A.5 */
    deflateEnd(&z);
}

static void put_new(struct octets *o, const struct object *x)
{
    if (x->syntax != DEFLATED) {
        put_attributes(o, x->syntax, x);
        return;
    }
    struct octets plain = {0};
    put_attributes(&plain, EXPLICIT, x);
    put_deflated(o, &plain);
    octets_free(&plain);
}

void put_object(struct octets *o, const struct object *x)
{
    static struct octets base[BASE_COUNT]; /* needed all the time */
    if (x->number >= BASE_COUNT || x->variant ||
        x->syntax != base_object((unsigned)x->number).syntax) {
        put_new(o, x);
        return;
    }
    struct octets *kept = &base[x->number];
    if (!kept->len) {
        put_new(kept, x);
    }
    put(o, kept->data, kept->len);
}
