/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/params: values of a statement as libpq takes them.
 *
 * Text goes in text format, so that the server converts it to whatever type the statement wants there;
 * libpq then ignores the length and stops at a NUL, so text is copied and a NUL inside is refused rather
 * than cut off. Octets go in binary format without a copy, unless the statement may have to be sent
 * later than pg_query_start (see statement.c).
 */
#include "pg_internal.h"

#include <limits.h>
#include <stdlib.h>

enum {
    MAX_PARAMS = 65535,                   /* the protocol counts them in 16 bits */
    MAX_PARAM_BYTES = 1024 * 1024 * 1000, /* a message must stay below 1 GiB */
    KEEP_BYTES = 64 * 1024,
};

struct pg_param pg_text(const char *text)
{
    return pg_text_span(span_str(text));
}

static int clamp_len(size_t len)
{
    return len > INT_MAX ? -1 : (int)len; /* -1 is refused when the statement starts */
}

struct pg_param pg_text_span(struct span text)
{
    /* An empty span with a NULL pointer is null, as pg_text(NULL) is. */
    return (struct pg_param){.data = text.data, .len = clamp_len(text.len)};
}

struct pg_param pg_bytea(struct span octets)
{
    return (struct pg_param){
        .data = octets.data, .len = clamp_len(octets.len), .is_binary = true, .type = PG_OID_BYTEA};
}

static enum rc measure(const struct pg_param *params, unsigned count, bool keep, size_t *out,
                       struct err *err)
{
    size_t copied = 0, total = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct pg_param *p = &params[i];
        if (!p->data) {
            continue;
        }
        if (p->len < 0 || (total += (size_t)p->len) > MAX_PARAM_BYTES) {
            return err_set(err, RC_LIMIT, "the parameters of the statement are too long");
        }
        if (!p->is_binary && memchr(p->data, '\0', (size_t)p->len)) {
            return err_set(err, RC_INVALID, "parameter $%u holds the character U+0000", i + 1);
        }
        if (!p->is_binary || keep) {
            copied += (size_t)p->len + 1;
        }
    }
    *out = copied;
    return RC_OK;
}

enum rc pg_bound_set(struct pg_bound *b, const struct pg_param *params, unsigned count, bool keep,
                     struct err *err)
{
    size_t copied = 0;
    if (count > MAX_PARAMS) {
        return err_set(err, RC_LIMIT, "the statement has %u parameters", count);
    }
    enum rc rc = measure(params, count, keep, &copied, err);
    if (rc != RC_OK) {
        return rc;
    }
    size_t size = count * (sizeof(char *) + sizeof(Oid) + 2 * sizeof(int)) + copied;
    if (size > b->memory_size) {
        void *grown = realloc(b->memory, size);
        if (!grown) {
            return err_set(err, RC_NOMEM, "no memory for the parameters of a statement");
        }
        b->memory = grown;
        b->memory_size = size;
    }
    b->count = (int)count;
    b->values = b->memory; /* the widest first, so that all are aligned */
    b->types = (Oid *)(void *)(b->values + count);
    b->lengths = (int *)(void *)(b->types + count);
    b->formats = b->lengths + count;
    char *copy = (char *)(b->formats + count);
    for (unsigned i = 0; i < count; i++) {
        const struct pg_param *p = &params[i];
        b->types[i] = p->type;
        b->formats[i] = p->is_binary;
        b->lengths[i] = p->data ? p->len : 0;
        b->values[i] = p->data;
        if (p->data && (!p->is_binary || keep)) {
            memcpy(copy, p->data, (size_t)p->len);
            copy[p->len] = '\0';
            b->values[i] = copy;
            copy += p->len + 1;
        }
    }
    return RC_OK;
}

size_t pg_bound_octets(const struct pg_bound *b)
{
    size_t octets = 0;
    for (int i = 0; i < b->count; i++) {
        octets += (size_t)b->lengths[i];
    }
    return octets;
}

void pg_bound_trim(struct pg_bound *b)
{
    b->count = 0;
    if (b->memory_size > KEEP_BYTES) {
        pg_bound_fini(b);
    }
}

void pg_bound_fini(struct pg_bound *b)
{
    free(b->memory);
    memset(b, 0, sizeof *b);
}
