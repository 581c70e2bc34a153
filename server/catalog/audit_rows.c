/* SPDX-License-Identifier: Apache-2.0
 *
 * What a row of dpp.audit_events says, from what a peer did. A row must not fail, because the rows beside it would fail
 * with it: whatever a peer has sent becomes text that PostgreSQL takes, of a length that is bounded.
 */
#include "audit_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "catalog/model.h"
#include "dcm/dict.h"
#include "dcm/json.h"
#include "text_array.h"

enum { KEPT_BYTES = 512 * 1024, TITLE_BYTES = 17, ADDRESS_BYTES = 64 };

/* ---- details ---- */

static void add_key(struct buf *json, const char *key)
{
    size_t len = strlen(key);
    uint8_t *to = buf_reserve(json, len + 4);
    if (!to)
        return;
    if (json->len > 0 && to[-1] != '{')
        *to++ = ',';
    *to++ = '"';
    memcpy(to, key, len); /* ours, or of the dictionary */
    memcpy(to + len, "\":", 2);
    json->len = (size_t)(to + len + 2 - json->data);
}

void audit_open(struct buf *json)
{
    buf_clear(json);
    buf_add_u8(json, '{');
}

void audit_close(struct buf *json)
{
    buf_add_u8(json, '}');
}

void audit_text(struct buf *json, const char *key, struct span value)
{
    add_key(json, key);
    (void)dcm_json_add_string(json, value);
}

void audit_number(struct buf *json, const char *key, int64_t value)
{
    char text[NUMBER_TEXT];
    add_key(json, key);
    buf_add_str(json, number_text(value, 0, text));
}

void audit_pair(struct buf *json, const struct log_pair *pair)
{
    char text[NUMBER_TEXT];
    if (pair->text) {
        audit_text(json, pair->key, span_str(pair->text));
        return;
    }
    add_key(json, pair->key);
    buf_add_str(json, number_text(pair->number, pair->decimals, text));
}

void audit_uids(struct buf *json, const char *key, const char *const *uids, unsigned count)
{
    add_key(json, key);
    buf_add_u8(json, '[');
    for (unsigned i = 0; i < count && i < AUDIT_UIDS; i++) {
        if (i)
            buf_add_u8(json, ',');
        (void)dcm_json_add_string(json, span_str(uids[i]));
    }
    buf_add_u8(json, ']');
}

/* Not within a character. */
static struct span cut(struct span text)
{
    if (text.len <= AUDIT_VALUE_BYTES)
        return text;
    text.len = AUDIT_VALUE_BYTES;
    while (text.len > 0 && (text.data[text.len] & 0xC0) == 0x80)
        text.len--;
    return text;
}

struct keys {
    struct buf *json;
    size_t end; /* of json, past which no key is begun */
    bool is_cut;
};

static void add_keys(struct keys *k, const struct dcm_item *item, unsigned depth);

/* Sequences have one item each in what is answered. */
static void add_value(struct keys *k, const struct dcm_element *e, unsigned depth)
{
    char number[DCM_NUMBER_TEXT];
    struct span first;
    if (e->items) {
        buf_add_u8(k->json, '{');
        add_keys(k, e->items, depth + 1);
        buf_add_u8(k->json, '}');
    } else if (dcm_vr_is_string(e->vr)) {
        struct span value = dcm_trimmed(e);
        k->is_cut = k->is_cut || value.len > AUDIT_VALUE_BYTES;
        (void)dcm_json_add_string(k->json, cut(value));
    } else if (dcm_value_at(e, 0, &first) && dcm_number_text(e->vr, first.data, number)) {
        (void)dcm_json_add_string(k->json, span_str(number));
    } else {
        buf_add_str(k->json, "null");
    }
}

static void add_keys(struct keys *k, const struct dcm_item *item, unsigned depth)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        struct dcm_dict_entry entry;
        char tag[9];
        if (e->items ? depth == MODEL_MAX_DEPTH : e->value.len == 0)
            continue;
        if (k->json->len >= k->end) {
            k->is_cut = true;
            return;
        }
        if (!dcm_dict_by_tag(e->tag, &entry)) {
            snprintf(tag, sizeof(tag), "%08" PRIX32, e->tag);
            entry.keyword = tag;
        }
        add_key(k->json, entry.keyword);
        add_value(k, e, depth);
    }
}

void audit_identifier(struct buf *json, const struct dcm_item *item)
{
    struct keys k = {.json = json};
    add_key(json, "identifier");
    k.end = json->len + AUDIT_IDENTIFIER_BYTES;
    buf_add_u8(json, '{');
    add_keys(&k, item, 0);
    buf_add_u8(json, '}');
    if (k.is_cut) {
        add_key(json, "cut");
        buf_add_str(json, "true");
    }
}

/* ---- columns ---- */

void audit_clean(const char *text, char *out, size_t size)
{
    size_t len = 0;
    for (; text[len] && len + 1 < size; len++)
        out[len] = text[len] >= 0x20 && text[len] <= 0x7E ? text[len] : '?';
    out[len] = '\0';
}

void audit_address(const char *address, char *out, size_t size)
{
    size_t len = strcspn(address, "%");
    bool is_ip = len < size && strspn(address, "0123456789abcdefABCDEF.:") >= len;
    if (!is_ip)
        len = 0;
    memcpy(out, address, len);
    out[len] = '\0';
}

static void add(struct audit_rows *r, enum audit_column column, const char *text)
{
    struct buf *to = &r->columns[column];
    if (to->len == 0)
        text_array_open(to);
    if (text && *text)
        text_array_add(to, span_str(text));
    else
        text_array_add_null(to);
}

static void add_title(struct audit_rows *r, enum audit_column column, const char *title)
{
    char clean[TITLE_BYTES] = "";
    if (title)
        audit_clean(title, clean, sizeof(clean));
    add(r, column, clean);
}

static void add_number(struct audit_rows *r, enum audit_column column, int64_t value)
{
    struct buf *to = &r->columns[column];
    char text[NUMBER_TEXT];
    buf_add_u8(to, to->len == 0 ? '{' : ',');
    buf_add_str(to, number_text(value, 0, text));
}

static void add_row(struct audit_rows *r, int64_t at_us, const struct audit_event *e)
{
    const struct audit_peer *p = e->peer;
    char address[ADDRESS_BYTES] = "";
    bool has_uid = e->sop_instance && dcm_uid_is_valid(e->sop_instance);
    struct buf *details = &r->columns[AUDIT_DETAILS];

    if (p->address)
        audit_address(p->address, address, sizeof(address));
    add_number(r, AUDIT_AT, at_us);
    add(r, AUDIT_OPERATION, e->operation);
    add(r, AUDIT_SOP_INSTANCE, has_uid ? e->sop_instance : NULL);
    if (e->status == AUDIT_NO_STATUS)
        add(r, AUDIT_STATUS, NULL);
    else
        add_number(r, AUDIT_STATUS, e->status);
    add_title(r, AUDIT_AE_TITLE, p->ae_title);
    add(r, AUDIT_ADDRESS, address);
    add_title(r, AUDIT_DESTINATION, p->destination);
    add_number(r, AUDIT_ASSOCIATION, (int64_t)p->association);
    if (details->len == 0)
        text_array_open(details);
    text_array_add(details, e->details);
}

static size_t octets_of(const struct audit_rows *r)
{
    size_t octets = 0;
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++)
        octets += r->columns[i].len;
    return octets;
}

bool audit_rows_add(struct audit_rows *r, int64_t at_us, const struct audit_event *e)
{
    size_t before[AUDIT_COLUMNS];
    bool is_whole = true;

    if (octets_of(r) + 2 * e->details.len > AUDIT_ROWS_OCTETS)
        return false;
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++)
        before[i] = r->columns[i].len;
    add_row(r, at_us, e);
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++)
        is_whole = is_whole && buf_status(&r->columns[i]) == RC_OK;
    for (unsigned i = 0; i < AUDIT_COLUMNS && !is_whole; i++) {
        r->columns[i].len = before[i];
        r->columns[i].failed = RC_OK;
    }
    r->count += is_whole;
    return is_whole;
}

void audit_rows_params(struct audit_rows *r, struct pg_param out[AUDIT_COLUMNS])
{
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++)
        out[i] = pg_text_span(buf_span(&r->columns[i]));
}

/* A burst's memory is not kept. */
void audit_rows_clear(struct audit_rows *r)
{
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++) {
        if (r->columns[i].cap > KEPT_BYTES)
            buf_fini(&r->columns[i]);
        buf_clear(&r->columns[i]);
    }
    r->count = 0;
}

void audit_rows_fini(struct audit_rows *r)
{
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++)
        buf_fini(&r->columns[i]);
    r->count = 0;
}
