/* SPDX-License-Identifier: Apache-2.0
 *
 * What PostgreSQL makes of an object's rows (dpp.encode) against what the program makes of them: the octets against
 * the rows as JSON, read and written here; digest and query record against those of the octets.
 */
#ifndef CATALOG_RENDER_H
#define CATALOG_RENDER_H

#include "catalog_db.h"

#include "catalog/model.h"
#include "catalog/record.h"
#include "dcm/charset.h"
#include "dcm/convert.h"
#include "dcm/json.h"

struct rendered {
    struct pg_table *table;
    const char *json, *octets, *digest, *record, *charset,
        *fault; /* octets as hexadecimal digits */
};

static inline void render_free(struct rendered *r)
{
    pg_table_free(r->table);
    r->table = NULL;
}

/* Of the object of this UID. PostgreSQL writes 1e300 as an integer, which the reader of JSON takes for one that is too
 * large; with .0 it is a real number. */
static inline struct rendered render(const char *uid)
{
    static const char sql[] =
        "select regexp_replace(dpp.dataset_of(o.id)::text, '([[ ]-?[0-9]{20,})(?=[],])', '\\1.0', "
        "'g'), encode(e.dataset, 'hex'), encode(e.digest, 'hex'),"
        " encode(e.query_record, 'hex'), coalesce(e.character_set, ''), e.fault_key"
        " from dpp.objects as o cross join lateral dpp.encode(o.id, false) as e where "
        "o.sop_instance_uid = $1";
    struct pg_param params[] = {pg_text(uid)};
    struct rendered r = {0};
    struct err err = {0};
    if (pg_sync_query(database.sync, sql, params, 1, &r.table, &err) != RC_OK)
        fail_msg("%s: %s", uid, err.text);
    assert_int_equal(pg_table_rows(r.table), 1);
    const char **fields[] = {&r.json, &r.octets, &r.digest, &r.record, &r.charset, &r.fault};
    for (unsigned i = 0; i < COUNT(fields); i++)
        *fields[i] = pg_table_get(r.table, 0, i);
    return r;
}

static inline const char *hex_of(struct arena *arena, struct span octets)
{
    char *text = arena_alloc(arena, 2 * octets.len + 1);
    assert_non_null(text);
    for (size_t i = 0; i < octets.len; i++)
        snprintf(text + 2 * i, 3, "%02x", octets.data[i]);
    text[2 * octets.len] = '\0';
    return text;
}

static inline struct span octets_of(struct arena *arena, const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *octets = arena_alloc(arena, len + 1);
    assert_non_null(octets);
    for (size_t i = 0; i < len; i++) {
        unsigned octet;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &octet), 1);
        octets[i] = (uint8_t)octet;
    }
    return span_of(octets, len);
}

/* In none of the character sets, or Latin-1, or UTF-8: the first that does. */
static inline void choose_charset(struct dcm_item *item, struct arena *arena)
{
    struct err err = {0};
    if (dcm_tree_is_ascii(item))
        return;
    if (dcm_tree_from_utf8(item, "ISO_IR 100", arena, &err) == RC_OK)
        return;
    assert_int_equal(dcm_tree_from_utf8(item, "ISO_IR 192", arena, &err), RC_OK);
}

static inline const char *written(const char *what, const char *json, struct arena *arena)
{
    struct dcm_item *item = NULL;
    struct buf octets;
    struct err err = {0};
    if (dcm_json_read(span_str(json), NULL, arena, &item, &err) != RC_OK)
        fail_msg("%s: %s", what, err.text);
    choose_charset(item, arena);
    buf_init(&octets, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &octets, &err), RC_OK);
    const char *hex = hex_of(arena, buf_span(&octets));
    buf_fini(&octets);
    return hex;
}

static inline const char *record_of(struct dcm_item *item, const char *charset, struct arena *arena)
{
    char class[65];
    struct buf record;
    struct err err = {0};
    dcm_first_text(item, TAG_SOPClassUID, class, sizeof class);
    assert_int_equal(dcm_tree_to_utf8_anyhow(item, arena, NULL, NULL, &err), RC_OK);
    buf_init(&record, 0);
    assert_int_equal(record_write(model_of_storage(class), item, span_str(charset), &record, &err),
                     RC_OK);
    const char *hex = hex_of(arena, buf_span(&record));
    buf_fini(&record);
    return hex;
}

/* where: octets of the arena may be large. */
static inline void check_rendered(const char *what, const char *uid, struct arena *arena)
{
    struct rendered r = render(uid);
    struct dcm_item *item = NULL;
    uint8_t digest[DCM_DIGEST_BYTES];
    struct err err = {0};
    arena_reset(arena);
    if (r.fault)
        fail_msg("%s: cannot be encoded: %s", what, r.fault);
    const char *expected = written(what, r.json, arena);
    if (strcmp(r.octets, expected) != 0)
        fail_msg("%s: octets\n%s instead of\n%s", what, r.octets, expected);
    assert_int_equal(dcm_read(octets_of(arena, r.octets), dcm_ts_find(UID_EXPLICIT_LE), NULL, arena,
                              &item, &err),
                     RC_OK);
    assert_int_equal(dcm_digest(item, digest, &err), RC_OK);
    if (strcmp(r.digest, hex_of(arena, span_of(digest, sizeof digest))) != 0)
        fail_msg("%s: digest of\n%s", what, r.octets);
    expected = record_of(item, r.charset, arena);
    if (strcmp(r.record, expected) != 0)
        fail_msg("%s: record\n%s instead of\n%s", what, r.record, expected);
    render_free(&r);
}

#endif
