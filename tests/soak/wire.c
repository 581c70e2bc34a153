/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <string.h>

const char *const syntax_uids[SYNTAXES] = {
    [EXPLICIT] = "1.2.840.10008.1.2.1",
    [IMPLICIT] = "1.2.840.10008.1.2",
    [DEFLATED] = "1.2.840.10008.1.2.1.99",
};

const struct context every_context[] = {
    {CTX_ECHO, UID_ECHO, IMPLICIT},
    {CTX_FIND, UID_FIND, EXPLICIT},
    {CTX_CT, UID_CT, EXPLICIT},
    {CTX_XA, UID_XA, EXPLICIT},
    {CTX_GET, UID_GET, EXPLICIT},
    {CTX_MOVE, UID_MOVE, EXPLICIT},
    {CTX_CT_IMPLICIT, UID_CT, IMPLICIT},
    {CTX_CT_DEFLATED, UID_CT, DEFLATED},
    {CTX_XA_IMPLICIT, UID_XA, IMPLICIT},
    {CTX_XA_DEFLATED, UID_XA, DEFLATED},
    {CTX_FIND_IMPLICIT, UID_FIND, IMPLICIT},
    {0, NULL, EXPLICIT},
};

const struct context *context_of(uint8_t id)
{
    const struct context *c = every_context;
    while (c->id && c->id != id) {
        c++;
    }
    return c->id ? c : NULL;
}

/* ---- associations ---- */

static size_t open_associate_item(struct octets *o, unsigned type)
{
    put_u8(o, type);
    put_u8(o, 0);
    put_be16(o, 0);
    return o->len - 2;
}

static void put_uid_item(struct octets *o, unsigned type, const char *uid)
{
    size_t at = open_associate_item(o, type);
    put_string(o, uid);
    set_be16(o, at);
}

static void put_title(struct octets *o, const char *title)
{
    size_t len = strlen(title);
    put(o, title, len);
    put_fill(o, ' ', 16 - len);
}

/* PS3.7 D.3.3.4: we are SCP of storage too, as C-GET wants. */
static void put_roles(struct octets *o)
{
    const char *const uids[] = {UID_CT, UID_XA};
    for (unsigned i = 0; i < 2; i++) {
        size_t at = open_associate_item(o, 0x54);
        put_be16(o, (unsigned)strlen(uids[i]));
        put_string(o, uids[i]);
        put(o, "\1\1", 2);
        set_be16(o, at);
    }
}

void put_associate_request(struct octets *o, const struct proposal *p)
{
    size_t begin = o->len + 2, at;
    put_u8(o, PDU_RQ);
    put_u8(o, 0);
    put_be32(o, 0);
    put_be16(o, p->protocol_version);
    put_be16(o, 0);
    put_title(o, p->called);
    put_title(o, p->calling);
    put_fill(o, 0, 32);
    put_uid_item(o, 0x10, p->application_context);
    for (const struct context *c = p->contexts; c->id; c++) {
        at = open_associate_item(o, 0x20);
        put_u8(o, c->id);
        put_fill(o, 0, 3);
        put_uid_item(o, 0x30, c->abstract_syntax);
        put_uid_item(o, 0x40, syntax_uids[c->syntax]);
        set_be16(o, at);
    }
    at = open_associate_item(o, 0x50);
    size_t length = open_associate_item(o, 0x51);
    put_be32(o, p->max_length);
    set_be16(o, length);
    put_uid_item(o, 0x52, "1.2.3.4.5");
    if (p->window) {
        size_t window = open_associate_item(o, 0x53);
        put_be16(o, p->window);
        put_be16(o, p->window);
        set_be16(o, window);
    }
    put_roles(o);
    set_be16(o, at);
    set_be32(o, begin);
}

void put_small_pdu(struct octets *o, unsigned type, unsigned octet2, unsigned octet3,
                   unsigned octet4)
{
    put_u8(o, type);
    put_u8(o, 0);
    put_be32(o, 4);
    put_u8(o, 0);
    put_u8(o, octet2);
    put_u8(o, octet3);
    put_u8(o, octet4);
}

/* ---- messages ---- */

static void put_command_element(struct octets *o, unsigned element, const void *value, size_t len,
                                unsigned pad)
{
    put_le16(o, 0);
    put_le16(o, element);
    put_le32(o, (uint32_t)(len + len % 2));
    put(o, value, len);
    put_fill(o, (uint8_t)pad, len % 2);
}

static void put_command_text(struct octets *o, unsigned element, const char *text, unsigned pad)
{
    if (text) {
        put_command_element(o, element, text, strlen(text), pad);
    }
}

static void put_command_number(struct octets *o, unsigned element, unsigned v)
{
    uint8_t le[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    put_command_element(o, element, le, 2, 0);
}

void put_command(struct octets *o, const struct command *c)
{
    bool is_answer = c->field & RESPONSE || c->field == C_CANCEL;
    size_t at = o->len + 8;
    put_command_element(o, 0x0000, "\0\0\0", 4, 0);
    if (!(c->omit & WITHOUT_CLASS)) {
        put_command_text(o, 0x0002, c->sop_class, 0);
    }
    put_command_number(o, 0x0100, c->field);
    if (!(c->omit & WITHOUT_ID)) {
        put_command_number(o, is_answer ? 0x0120 : 0x0110, c->id);
    }
    put_command_text(o, 0x0600, c->destination, ' ');
    if (!is_answer && c->field != C_ECHO) {
        put_command_number(o, 0x0700, 0);
    }
    put_command_number(o, 0x0800, c->has_dataset ? 1 : NO_DATASET);
    if (c->field & RESPONSE) {
        put_command_number(o, 0x0900, c->status);
    }
    put_command_text(o, 0x1000, c->sop_instance, 0);
    set_le32(o, at);
}

static size_t open_pdu(struct octets *o)
{
    put_u8(o, PDU_DATA);
    put_u8(o, 0);
    put_be32(o, 0);
    return o->len - 4;
}

static void put_value(struct octets *o, uint8_t context, bool is_command, bool is_last,
                      const void *fragment, size_t len)
{
    put_be32(o, (uint32_t)len + 2);
    put_u8(o, context);
    put_u8(o, (is_command ? 1 : 0) | (is_last ? 2 : 0));
    put(o, fragment, len);
}

void put_pdv(struct octets *o, uint8_t context, bool is_command, bool is_last, const void *fragment,
             size_t len)
{
    size_t at = open_pdu(o);
    put_value(o, context, is_command, is_last, fragment, len);
    set_be32(o, at);
}

static void put_fragments(struct octets *o, uint8_t context, bool is_command,
                          const struct octets *part, size_t room)
{
    size_t at = 0, n;
    do {
        n = part->len - at < room ? part->len - at : room;
        put_pdv(o, context, is_command, at + n == part->len, part->data + at, n);
        at += n;
    } while (at < part->len);
}

void put_message(struct octets *o, uint8_t context, const struct command *c,
                 const struct octets *data, uint32_t max_length, bool together)
{
    struct octets set = {0};
    struct command with = *c;
    size_t room = (max_length ? max_length : 65536) - 6;
    with.has_dataset = data != NULL;
    put_command(&set, &with);
    if (together && data && set.len + data->len + 6 <= room) {
        size_t at = open_pdu(o);
        put_value(o, context, true, true, set.data, set.len);
        put_value(o, context, false, true, data->data, data->len);
        set_be32(o, at);
    } else {
        put_fragments(o, context, true, &set, room);
        if (data) {
            put_fragments(o, context, false, data, room);
        }
    }
    octets_free(&set);
}

static void copy_text(char *out, size_t room, const uint8_t *value, size_t len)
{
    while (len > 0 && (value[len - 1] == 0 || value[len - 1] == ' ')) {
        len--;
    }
    len = len < room - 1 ? len : room - 1;
    memcpy(out, value, len);
    out[len] = 0;
}

bool parse_command(const uint8_t *data, size_t len, struct received *out)
{
    *out = (struct received){.dataset = NO_DATASET};
    for (size_t at = 0; at < len;) {
        if (len - at < 8 || get_le16(data + at) != 0 || get_le32(data + at + 4) > len - at - 8) {
            return false;
        }
        unsigned element = get_le16(data + at + 2);
        size_t n = get_le32(data + at + 4);
        const uint8_t *value = data + at + 8;
        uint16_t number = n == 2 ? get_le16(value) : 0;
        at += 8 + n;
        switch (element) {
        case 0x0000:
            if (n != 4 || get_le32(value) != len - 12) {
                return false;
            }
            break;
        case 0x0002:
            copy_text(out->sop_class, sizeof out->sop_class, value, n);
            break;
        case 0x0100:
            out->field = number;
            break;
        case 0x0110:
        case 0x0120:
            out->id = number;
            break;
        case 0x0800:
            out->dataset = number;
            break;
        case 0x0900:
            out->status = number;
            break;
        case 0x0902:
            copy_text(out->comment, sizeof out->comment, value, n);
            break;
        case 0x1000:
            copy_text(out->sop_instance, sizeof out->sop_instance, value, n);
            break;
        case 0x1020:
            out->remaining = number;
            out->has_remaining = true;
            break;
        case 0x1021:
            out->completed = number;
            break;
        case 0x1022:
            out->failed = number;
            break;
        case 0x1023:
            out->warning = number;
            break;
        case 0x1030:
            copy_text(out->originator, sizeof out->originator, value, n);
            break;
        case 0x1031:
            out->originator_id = number;
            break;
        default:
            break;
        }
    }
    return out->field != 0;
}

/* ---- data sets ---- */

static bool has_long_length(const char *vr)
{
    return strcmp(vr, "SQ") == 0 || strcmp(vr, "OB") == 0 || strcmp(vr, "UT") == 0 ||
           strcmp(vr, "UN") == 0;
}

static void put_head(struct octets *o, enum syntax s, uint32_t tag, const char *vr, size_t len)
{
    put_le16(o, tag >> 16);
    put_le16(o, tag & 0xFFFF);
    if (s == IMPLICIT) {
        put_le32(o, (uint32_t)len);
        return;
    }
    put(o, vr, 2);
    if (has_long_length(vr)) {
        put_le16(o, 0);
        put_le32(o, (uint32_t)len);
    } else {
        put_le16(o, (unsigned)len);
    }
}

void put_element(struct octets *o, enum syntax s, uint32_t tag, const char *vr, const void *value,
                 size_t len)
{
    put_head(o, s, tag, vr, len + len % 2);
    put(o, value, len);
    put_fill(o, strcmp(vr, "UI") == 0 || strcmp(vr, "OB") == 0 ? 0 : ' ', len % 2);
}

void put_text(struct octets *o, enum syntax s, uint32_t tag, const char *vr, const char *text)
{
    put_element(o, s, tag, vr, text, strlen(text));
}

size_t open_sequence(struct octets *o, enum syntax s, uint32_t tag)
{
    put_head(o, s, tag, "SQ", 0);
    return o->len - 4;
}

size_t open_item(struct octets *o)
{
    put_head(o, IMPLICIT, 0xFFFEE000, "", 0);
    return o->len - 4;
}

bool find_text(const uint8_t *data, size_t len, enum syntax s, uint32_t tag, char *out, size_t room)
{
    for (size_t at = 0; len - at >= 8;) {
        uint32_t here = (uint32_t)get_le16(data + at) << 16 | get_le16(data + at + 2);
        char vr[3] = {(char)data[at + 4], (char)data[at + 5], 0};
        bool is_long = s != IMPLICIT && has_long_length(vr);
        size_t head = is_long ? 12 : 8;
        if (len - at < head) {
            return false;
        }
        size_t n = s == IMPLICIT ? get_le32(data + at + 4)
                   : is_long     ? get_le32(data + at + 8)
                                 : get_le16(data + at + 6);
        if (n > len - at - head) {
            return false;
        }
        if (here == tag) {
            copy_text(out, room, data + at + head, n);
            return true;
        }
        at += head + n;
    }
    return false;
}
