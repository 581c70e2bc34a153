/* SPDX-License-Identifier: Apache-2.0
 *
 * net/pdu: encoding A-ASSOCIATE-RQ and -AC (PS3.8 9.3.2, 9.3.3; PS3.7 D.3.3).
 *
 * Items are nested and carry their length in front: each is opened with a length of zero, filled, and
 * closed by writing the length back. An item past 65535 octets latches RC_LIMIT in the buffer.
 */
#include "net/pdu.h"

#include "items.h"

static size_t item_open(struct buf *out, enum item_type type)
{
    buf_add_u8(out, (uint8_t)type);
    buf_add_u8(out, 0);
    buf_add_be16(out, 0);
    return out->len;
}

static void item_close(struct buf *out, size_t start)
{
    if (out->failed != RC_OK) {
        return;
    }
    size_t len = out->len - start;
    if (len > UINT16_MAX) {
        out->failed = RC_LIMIT;
        return;
    }
    put_be16(out->data + start - 2, (uint16_t)len);
}

static void item_text(struct buf *out, enum item_type type, const char *text)
{
    size_t start = item_open(out, type);
    buf_add_str(out, text);
    item_close(out, start);
}

/* A field with a length of its own in two octets, as the sub-items of PS3.7 D.3.3 have them. */
static void counted(struct buf *out, struct span value)
{
    if (value.len > UINT16_MAX) {
        out->failed = RC_LIMIT;
        return;
    }
    buf_add_be16(out, (uint16_t)value.len);
    buf_add_span(out, value);
}

static void add_context(struct buf *out, enum pdu_type type, const struct pdu_context *c)
{
    bool is_rq = type == PDU_ASSOCIATE_RQ;
    size_t start = item_open(out, is_rq ? ITEM_CONTEXT_RQ : ITEM_CONTEXT_AC);
    buf_add_u8(out, c->id);
    buf_add_u8(out, 0);
    buf_add_u8(out, is_rq ? 0 : c->result);
    buf_add_u8(out, 0);
    if (is_rq) {
        item_text(out, ITEM_ABSTRACT_SYNTAX, c->abstract_syntax);
    }
    for (unsigned i = 0; i < c->transfer_syntax_count; i++) {
        item_text(out, ITEM_TRANSFER_SYNTAX, c->transfer_syntaxes[i]);
    }
    item_close(out, start);
}

static void add_role(struct buf *out, const struct pdu_role *role)
{
    size_t start = item_open(out, ITEM_ROLE);
    counted(out, span_str(role->sop_class));
    buf_add_u8(out, role->scu);
    buf_add_u8(out, role->scp);
    item_close(out, start);
}

static void add_extended(struct buf *out, const struct pdu_extended *e)
{
    size_t start = item_open(out, ITEM_EXTENDED);
    counted(out, span_str(e->sop_class));
    buf_add_span(out, e->info);
    item_close(out, start);
}

static void add_common_extended(struct buf *out, const struct pdu_common_extended *e)
{
    size_t start = item_open(out, ITEM_COMMON_EXTENDED);
    counted(out, span_str(e->sop_class));
    counted(out, span_str(e->service_class));
    size_t list = out->len;
    buf_add_be16(out, 0);
    for (unsigned i = 0; i < e->related_general_count; i++) {
        counted(out, span_str(e->related_general[i]));
    }
    if (out->failed == RC_OK && out->len - list - 2 <= UINT16_MAX) {
        put_be16(out->data + list, (uint16_t)(out->len - list - 2));
    }
    item_close(out, start); /* a list too long makes the item too long */
}

static void add_user_identity(struct buf *out, const struct pdu_user_identity *u)
{
    size_t start = item_open(out, ITEM_USER_IDENTITY_RQ);
    buf_add_u8(out, u->type);
    buf_add_u8(out, u->response_requested ? 1 : 0);
    counted(out, u->primary);
    counted(out, u->secondary);
    item_close(out, start);
}

static void add_user_information(struct buf *out, enum pdu_type type, const struct pdu_associate *a)
{
    size_t start = item_open(out, ITEM_USER_INFORMATION);
    if (a->has_max_length) {
        size_t item = item_open(out, ITEM_MAX_LENGTH);
        buf_add_be32(out, a->max_length);
        item_close(out, item);
    }
    if (a->implementation_class_uid != NULL) {
        item_text(out, ITEM_IMPLEMENTATION_UID, a->implementation_class_uid);
    }
    if (a->has_async_window) {
        size_t item = item_open(out, ITEM_ASYNC_WINDOW);
        buf_add_be16(out, a->max_ops_invoked);
        buf_add_be16(out, a->max_ops_performed);
        item_close(out, item);
    }
    for (unsigned i = 0; i < a->role_count; i++) {
        add_role(out, &a->roles[i]);
    }
    if (a->implementation_version != NULL) {
        item_text(out, ITEM_IMPLEMENTATION_VERSION, a->implementation_version);
    }
    for (unsigned i = 0; i < a->extended_count; i++) {
        add_extended(out, &a->extended[i]);
    }
    if (type == PDU_ASSOCIATE_RQ) {
        for (unsigned i = 0; i < a->common_extended_count; i++) {
            add_common_extended(out, &a->common_extended[i]);
        }
        if (a->has_user_identity) {
            add_user_identity(out, &a->user_identity);
        }
    } else if (a->has_user_identity_ac) {
        size_t item = item_open(out, ITEM_USER_IDENTITY_AC);
        counted(out, a->user_identity_response);
        item_close(out, item);
    }
    item_close(out, start);
}

static void add_title(struct buf *out, const char *title)
{
    char padded[AET_MAX];
    size_t len = strnlen(title, AET_MAX);
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, title, len);
    buf_add(out, padded, sizeof(padded));
}

void pdu_encode_associate(struct buf *out, enum pdu_type type, const struct pdu_associate *a)
{
    static const uint8_t reserved[32];
    size_t start = out->len;
    buf_add_u8(out, (uint8_t)type);
    buf_add_u8(out, 0);
    buf_add_be32(out, 0);
    buf_add_be16(out, a->protocol_version);
    buf_add_be16(out, 0);
    if (type == PDU_ASSOCIATE_AC) {
        buf_add(out, a->echoed, sizeof(a->echoed)); /* PS3.8 9.3.3: as received in the request */
    } else {
        add_title(out, a->called_aet);
        add_title(out, a->calling_aet);
        buf_add(out, reserved, sizeof(reserved));
    }
    if (a->application_context != NULL) {
        item_text(out, ITEM_APPLICATION_CONTEXT, a->application_context);
    }
    for (unsigned i = 0; i < a->context_count; i++) {
        add_context(out, type, &a->contexts[i]);
    }
    add_user_information(out, type, a);

    if (out->failed == RC_OK) {
        size_t len = out->len - start - PDU_HEADER_BYTES;
        if (len > UINT32_MAX) {
            out->failed = RC_LIMIT;
        } else {
            put_be32(out->data + start + 2, (uint32_t)len);
        }
    }
}
