/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that the information model does not have. Any attribute of a stored object may be asked for, so these are
 * Type 3 return keys (K.2.2.1.2): those of the top level are read from the object's octets, those in items of the
 * model's sequences from the query record, which has such items whole. None is matched.
 *
 *   the key                                       responses are        because
 *   is in the dictionary and has no value         FF00                 it is supported, as what it is
 *   has a value, or an item with a key that has   FF01                 it is an optional key that was not matched
 *                                                                      (K.2.2.1.1.2); what it asks for is returned
 *   is private or not in the dictionary           FF01                 nobody can tell what kind of key it is
 *
 * A value that is padding only is none; a lone "*" is one. The value of a private creator says which block is
 * meant: the entity may have it under another number (PS3.5 7.8.1).
 */
#include "query_parts.h"

#include "dcm/dict.h"

bool query_is_no_key(uint32_t tag)
{
    return tag == TAG_SpecificCharacterSet || tag == TAG_TimezoneOffsetFromUTC ||
           tag == TAG_QueryRetrieveLevel || tag == TAG_DataSetTrailingPadding;
}

/* What a response says of an attribute the entity has not: a zero-length element (K.2.2.1.3). Only the
 * reservation of a private block is repeated, because the private elements would be unreadable. */
static struct span absent_element(struct arena *arena, const struct dcm_element *e, const char *vr)
{
    bool is_creator = (e->tag >> 16 & 1) && (e->tag & 0xFFFF) >= 0x10 &&
                      (e->tag & 0xFFFF) <= 0xFF && memcmp(vr, "LO", 2) == 0 && e->value.len <= 64;
    for (size_t i = 0; is_creator && i < e->value.len; i++)
        is_creator = e->value.data[i] >= 0x20 && e->value.data[i] < 0x7F;
    size_t len = is_creator ? e->value.len : 0, even = len + (len & 1);

    uint8_t *p = arena_alloc(arena, 12 + even);
    if (!p)
        return span_of(NULL, 0);
    put_le16(p, (uint16_t)(e->tag >> 16));
    put_le16(p + 2, (uint16_t)e->tag);
    memcpy(p + 4, vr, 2);
    if (dcm_vr_has_long_length(vr))
        return span_of(p, 12); /* zeroed: reserved octets and length */
    put_le16(p + 6, (uint16_t)even);
    if (len > 0)
        memcpy(p + 8, e->value.data, len);
    if (even > len)
        p[8 + len] = ' ';
    return span_of(p, 8 + even);
}

enum rc query_plan_row(struct query_builder *b, const struct dcm_element *e, const char *vr,
                       struct plan_key *row, struct err *err)
{
    row->tag = e->tag;
    row->absent = absent_element(b->arena, e, vr);
    return row->absent.data ? RC_OK : query_no_room(err, e->tag);
}

enum rc query_one_item(const struct dcm_element *e, struct err *err)
{
    if (e->item_count <= 1)
        return RC_OK;
    return err_set_tag(err, RC_INVALID, e->tag, "sequence key has %u items instead of one",
                       e->item_count);
}

/* What reserves the block of a private key in the identifier, or would: that key itself, for one. */
static struct span creator_of(const struct query_builder *b, uint32_t tag)
{
    uint32_t element = tag & 0xFFFF;
    uint32_t block = element < 0x1000 ? element : element >> 8;
    if (!(tag >> 16 & 1) || block < 0x10 || block > 0xFF)
        return span_of(NULL, 0);
    return dcm_trimmed(dcm_find(b->top, (tag & 0xFFFF0000) | block));
}

/* It is to be read from the octets. The keys come in ascending order. */
static enum rc want_octets(struct query_builder *b, const struct dcm_element *e, struct err *err)
{
    if (!b->others)
        b->others = arena_array(b->arena, b->attribute_count, sizeof(*b->others));
    if (!b->others)
        return query_no_room(err, e->tag);
    b->others[b->other_count++] = (struct plan_other){
        .tag = e->tag,
        .is_sequence = e->items && e->items->first,
        .creator = creator_of(b, e->tag),
    };
    return RC_OK;
}

/* The keys of an item, none of which the model has. */
static enum rc add_item(struct query_builder *b, const struct dcm_item *item, struct plan_key *row,
                        struct err *err)
{
    unsigned most = 0, count = 0;
    for (const struct dcm_element *e = item->first; e; e = e->next)
        most++;
    struct plan_key *rows = arena_array(b->arena, most ? most : 1, sizeof(*rows));
    if (!rows)
        return query_no_room(err, row->tag);

    for (const struct dcm_element *e = item->first; e; e = e->next) {
        if (query_is_no_key(e->tag))
            continue;
        struct plan_key *inner = &rows[count++];
        enum rc rc = query_plan_row(b, e, e->vr, inner, err);
        if (rc == RC_OK)
            rc = query_other(b, e, false, inner, err);
        if (rc != RC_OK)
            return rc;
    }
    row->children = rows;
    row->child_count = count;
    return RC_OK;
}

enum rc query_other(struct query_builder *b, const struct dcm_element *e, bool is_top,
                    struct plan_key *row, struct err *err)
{
    struct dcm_dict_entry entry;
    enum rc rc = query_one_item(e, err);

    if (dcm_trimmed(e).len > 0 || !dcm_dict_by_tag(e->tag, &entry))
        b->optional_ignored = true;
    if (rc == RC_OK && is_top)
        rc = want_octets(b, e, err);
    if (rc == RC_OK && e->items)
        rc = add_item(b, e->items, row, err);
    return rc;
}
