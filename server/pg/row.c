/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/row: values of a row in binary format, read in place.
 *
 * The server may not be the one we think (a proxy, another version), so types and lengths are checked
 * and a value of another type reads as null.
 */
#include "pg_internal.h"

enum { OID_BOOL = 16, OID_INT2 = 21, JSONB_VERSION = 1 };

static bool has_value(const struct pg_row *r, unsigned col)
{
    return col < (unsigned)PQnfields(r->result) && !PQgetisnull(r->result, r->index, (int)col);
}

static struct span raw(const struct pg_row *r, unsigned col)
{
    if (!has_value(r, col)) {
        return span_of(NULL, 0);
    }
    return span_of(PQgetvalue(r->result, r->index, (int)col),
                   (size_t)PQgetlength(r->result, r->index, (int)col));
}

bool pg_is_null(const struct pg_row *r, unsigned col)
{
    return !has_value(r, col);
}

struct span pg_octets(const struct pg_row *r, unsigned col)
{
    struct span v = raw(r, col);
    if (v.len > 0 && v.data[0] == JSONB_VERSION && PQftype(r->result, (int)col) == PG_OID_JSONB) {
        return span_of(v.data + 1, v.len - 1);
    }
    return v;
}

static uint64_t get_be64(const uint8_t *p)
{
    return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

static bool to_int(unsigned type, struct span v, int64_t *out)
{
    if (type == OID_INT2 && v.len == 2) {
        *out = (int16_t)get_be16(v.data);
    } else if (type == PG_OID_INT4 && v.len == 4) {
        *out = (int32_t)get_be32(v.data);
    } else if (type == PG_OID_INT8 && v.len == 8) {
        *out = (int64_t)get_be64(v.data);
    } else {
        return false;
    }
    return true;
}

int64_t pg_int(const struct pg_row *r, unsigned col)
{
    struct span v = raw(r, col);
    int64_t n = 0;
    return v.data && to_int(PQftype(r->result, (int)col), v, &n) ? n : 0;
}

bool pg_bool(const struct pg_row *r, unsigned col)
{
    struct span v = raw(r, col);
    return v.len == 1 && PQftype(r->result, (int)col) == OID_BOOL && v.data[0] != 0;
}

/* array_send: dimensions, has-null flag, element type, then per dimension its size and lower bound, then
 * the elements, each with its length (-1 = null). */
unsigned pg_int_array(const struct pg_row *r, unsigned col, int32_t *out, unsigned max)
{
    enum { HEADER = 20 };
    struct span v = raw(r, col);
    if (v.len < HEADER || get_be32(v.data) != 1) {
        return 0; /* null, empty (no dimension) or not one-dimensional */
    }
    unsigned type = get_be32(v.data + 8);
    unsigned count = get_be32(v.data + 12);
    size_t pos = HEADER;
    for (unsigned i = 0; i < count; i++) {
        if (v.len - pos < 4) {
            return 0;
        }
        uint32_t len = get_be32(v.data + pos);
        pos += 4;
        int64_t n = 0;
        if (len != UINT32_MAX) { /* null reads as 0 */
            if (len > v.len - pos || !to_int(type, span_of(v.data + pos, len), &n)) {
                return 0;
            }
            pos += len;
        }
        if (i < max) {
            out[i] = n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : (int32_t)n;
        }
    }
    return count;
}
