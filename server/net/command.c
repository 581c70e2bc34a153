/* SPDX-License-Identifier: Apache-2.0
 *
 * net/command: DIMSE command sets to values and back.
 *
 * One table says for every element of PS3.7 table E.1-1 that dppr uses where its value lives, how it is
 * represented and which flag tells its presence; decoder and encoder both walk it, in ascending order
 * of tags as the standard wants it. A second table says what each message cannot do without (PS3.7
 * 9.3). Command sets are Implicit VR Little Endian whatever the context says (PS3.7 6.3.1).
 *
 * The decoder goes on after an element with a bad value, because the length still tells where the next
 * one begins, and reports the first fault at its end: so the message id of a faulty request is usually
 * known and the request can be answered with 0212 rather than by an abort. The value of the group
 * length is not used: the octets themselves say how many they are.
 *
 * Encoding goes into an array on the stack: it happens once per pending C-FIND response.
 */
#include "net/command.h"

enum { ELEMENT_HEADER_BYTES = 8, COMMENT_MAX = 64 };

enum kind {
    KIND_UI, /* text, padded with NUL */
    KIND_AE, /* text, padded with space */
    KIND_LO,
    KIND_US,
    KIND_AT,
    KIND_DATASET_TYPE, /* US, kept as a bool */
};

struct element {
    uint16_t number; /* of group 0000 */
    uint8_t kind;
    uint16_t offset;
    uint16_t max_chars;
    unsigned has; /* 0 = always sent */
};

#define TEXT(number, kind, member, chars, has)                           \
    {                                                                    \
        number, kind, offsetof(struct dimse_command, member), chars, has \
    }
#define VALUE(number, kind, member, has) TEXT(number, kind, member, 0, has)

static const struct element elements[] = {
    TEXT(0x0002, KIND_UI, sop_class, UID_MAX, CMD_HAS_SOP_CLASS),
    VALUE(0x0100, KIND_US, field, 0),
    VALUE(0x0110, KIND_US, message_id, CMD_HAS_MESSAGE_ID),
    VALUE(0x0120, KIND_US, responded_id, CMD_HAS_RESPONDED_ID),
    TEXT(0x0600, KIND_AE, destination, AET_MAX, CMD_HAS_DESTINATION),
    VALUE(0x0700, KIND_US, priority, CMD_HAS_PRIORITY),
    VALUE(0x0800, KIND_DATASET_TYPE, has_dataset, 0),
    VALUE(0x0900, KIND_US, status, CMD_HAS_STATUS),
    VALUE(0x0901, KIND_AT, offending, CMD_HAS_OFFENDING),
    TEXT(0x0902, KIND_LO, comment, COMMENT_MAX, CMD_HAS_COMMENT),
    TEXT(0x1000, KIND_UI, sop_instance, UID_MAX, CMD_HAS_SOP_INSTANCE),
    VALUE(0x1020, KIND_US, remaining, CMD_HAS_REMAINING),
    VALUE(0x1021, KIND_US, completed, CMD_HAS_COUNTS),
    VALUE(0x1022, KIND_US, failed, CMD_HAS_COUNTS),
    VALUE(0x1023, KIND_US, warning, CMD_HAS_COUNTS),
    TEXT(0x1030, KIND_AE, originator_aet, AET_MAX, CMD_HAS_ORIGINATOR),
    VALUE(0x1031, KIND_US, originator_id, CMD_HAS_ORIGINATOR),
};
enum { ELEMENT_COUNT = sizeof(elements) / sizeof(elements[0]) };

/* PS3.7 9.3.1 to 9.3.5; "M" elements that dppr cannot do without. A missing priority is medium. */
enum {
    NEEDS_REQUEST = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID,
    NEEDS_RESPONSE = CMD_HAS_RESPONDED_ID | CMD_HAS_STATUS,
};
static const struct {
    uint16_t field;
    const char *name;
    unsigned needs;
} messages[] = {
    {DIMSE_C_STORE_RQ, "C-STORE-RQ", NEEDS_REQUEST | CMD_HAS_SOP_INSTANCE},
    {DIMSE_C_STORE_RSP, "C-STORE-RSP", NEEDS_RESPONSE},
    {DIMSE_C_GET_RQ, "C-GET-RQ", NEEDS_REQUEST},
    {DIMSE_C_GET_RSP, "C-GET-RSP", NEEDS_RESPONSE},
    {DIMSE_C_FIND_RQ, "C-FIND-RQ", NEEDS_REQUEST},
    {DIMSE_C_FIND_RSP, "C-FIND-RSP", NEEDS_RESPONSE},
    {DIMSE_C_MOVE_RQ, "C-MOVE-RQ", NEEDS_REQUEST | CMD_HAS_DESTINATION},
    {DIMSE_C_MOVE_RSP, "C-MOVE-RSP", NEEDS_RESPONSE},
    {DIMSE_C_ECHO_RQ, "C-ECHO-RQ", NEEDS_REQUEST},
    {DIMSE_C_ECHO_RSP, "C-ECHO-RSP", NEEDS_RESPONSE},
    {DIMSE_C_CANCEL_RQ, "C-CANCEL-RQ", CMD_HAS_RESPONDED_ID},
    /* Not served, but worth a name in a log. */
    {0x0100, "N-EVENT-REPORT-RQ", 0},
    {0x8100, "N-EVENT-REPORT-RSP", 0},
    {0x0110, "N-GET-RQ", 0},
    {0x8110, "N-GET-RSP", 0},
    {0x0120, "N-SET-RQ", 0},
    {0x8120, "N-SET-RSP", 0},
    {0x0130, "N-ACTION-RQ", 0},
    {0x8130, "N-ACTION-RSP", 0},
    {0x0140, "N-CREATE-RQ", 0},
    {0x8140, "N-CREATE-RSP", 0},
    {0x0150, "N-DELETE-RQ", 0},
    {0x8150, "N-DELETE-RSP", 0},
};

static const struct element *find_element(uint16_t number)
{
    for (unsigned i = 0; i < ELEMENT_COUNT; i++) {
        if (elements[i].number == number) {
            return &elements[i];
        }
    }
    return NULL;
}

/* ---- decoding ---- */

static bool is_uid_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

static struct span without_padding(struct span value)
{
    while (value.len > 0 &&
           (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\0')) {
        value.len--;
    }
    return value;
}

static enum rc decode_text(const struct element *e, struct span value, char *out, struct err *err)
{
    while (e->kind != KIND_UI && value.len > 0 && value.data[0] == ' ') {
        value = span_of(value.data + 1, value.len - 1);
    }
    value = without_padding(value);
    if (value.len > e->max_chars) {
        if (e->kind != KIND_LO) {
            return err_set_tag(err, RC_INVALID, e->number, "(0000,%04X) has %zu characters",
                               e->number, value.len);
        }
        /* a comment is for people: cut it */
        value = without_padding(span_of(value.data, e->max_chars));
    }
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool is_control = c < ' ' || c == 0x7F;
        if (e->kind == KIND_LO) {
            out[i] = (char)(is_control ? '?' : c);
            continue;
        }
        if (e->kind == KIND_UI ? !is_uid_char(c) : is_control || c == '\\') {
            out[0] = '\0';
            return err_set_tag(err, RC_INVALID, e->number,
                               "(0000,%04X) has a character that is not allowed in it", e->number);
        }
        out[i] = (char)c;
    }
    out[value.len] = '\0';
    return RC_OK;
}

/* A text of padding alone says no more than one of length zero. */
static bool is_blank(const struct element *e, const struct dimse_command *c)
{
    bool is_text = e->kind == KIND_UI || e->kind == KIND_AE || e->kind == KIND_LO;
    return is_text && ((const char *)c)[e->offset] == '\0';
}

static enum rc decode_value(const struct element *e, struct span value, struct dimse_command *out,
                            struct err *err)
{
    char *member = (char *)out + e->offset;
    size_t unit = e->kind == KIND_AT ? 4 : 2;
    switch ((enum kind)e->kind) {
    case KIND_UI:
    case KIND_AE:
    case KIND_LO:
        return decode_text(e, value, member, err);
    case KIND_US:
    case KIND_DATASET_TYPE:
    case KIND_AT:
        break;
    }
    /* Of several offending elements the first is enough; the others have one value each. */
    if (value.len % unit != 0 || (e->kind != KIND_AT && value.len != unit)) {
        return err_set_tag(err, RC_INVALID, e->number, "(0000,%04X) has %zu octets", e->number,
                           value.len);
    }
    if (e->kind == KIND_AT) {
        uint32_t tag = (uint32_t)get_le16(value.data) << 16 | get_le16(value.data + 2);
        memcpy(member, &tag, sizeof(tag));
    } else if (e->kind == KIND_DATASET_TYPE) {
        out->has_dataset = get_le16(value.data) != DIMSE_NO_DATASET;
    } else {
        uint16_t number = get_le16(value.data);
        memcpy(member, &number, sizeof(number));
    }
    return RC_OK;
}

static enum rc check_needs(const struct dimse_command *c, bool seen_field, bool seen_type,
                           struct err *err)
{
    if (!seen_field) {
        return err_set_tag(err, RC_INVALID, 0x0100, "the command set has no command field");
    }
    if (!seen_type) {
        return err_set_tag(err, RC_INVALID, 0x0800, "the command set has no data set type");
    }
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        unsigned missing = messages[i].field == c->field ? messages[i].needs & ~c->has : 0;
        for (unsigned k = 0; missing != 0 && k < ELEMENT_COUNT; k++) {
            if (elements[k].has & missing) {
                return err_set_tag(err, RC_INVALID, elements[k].number, "%s without (0000,%04X)",
                                   messages[i].name, elements[k].number);
            }
        }
    }
    return RC_OK;
}

enum rc command_decode(struct span octets, struct dimse_command *out, struct err *err)
{
    enum rc first = RC_OK;
    bool seen_field = false;
    bool seen_type = false;
    int64_t last = -1;
    memset(out, 0, sizeof(*out));

    while (octets.len > 0) {
        if (octets.len < ELEMENT_HEADER_BYTES) {
            return first != RC_OK ? first
                                  : err_set(err, RC_INVALID, "the command set ends in an element");
        }
        uint16_t group = get_le16(octets.data);
        uint16_t number = get_le16(octets.data + 2);
        uint32_t length = get_le32(octets.data + 4);
        if (group != 0 || number <= last || length > octets.len - ELEMENT_HEADER_BYTES) {
            const char *fault = group != 0       ? "is of another group"
                                : number <= last ? "is out of order"
                                                 : "is longer than the command set";
            return first != RC_OK ? first
                                  : err_set_tag(err, RC_INVALID, (unsigned)group << 16 | number,
                                                "element (%04X,%04X) of the command set %s", group,
                                                number, fault);
        }
        last = number;
        struct span value = span_of(octets.data + ELEMENT_HEADER_BYTES, length);
        octets = span_of(value.data + length, octets.len - ELEMENT_HEADER_BYTES - length);

        const struct element *e = find_element(number);
        if (e == NULL || length == 0) {
            continue; /* unknown, or as good as absent */
        }
        enum rc rc = decode_value(e, value, out, first == RC_OK ? err : NULL);
        if (rc == RC_OK) {
            out->has |= is_blank(e, out) ? 0 : e->has;
            seen_field |= number == 0x0100;
            seen_type |= number == 0x0800;
        } else if (first == RC_OK) {
            first = rc;
        }
    }
    return first != RC_OK ? first : check_needs(out, seen_field, seen_type, err);
}

/* ---- encoding ---- */

/* LO and AE in the default repertoire: no control characters, no backslash, ASCII. */
static uint8_t plain_char(char c)
{
    return c < ' ' || c > '~' || c == '\\' ? '?' : (uint8_t)c;
}

static uint8_t *put_header(uint8_t *p, uint16_t number, uint32_t length)
{
    put_le16(p, 0);
    put_le16(p + 2, number);
    put_le32(p + 4, length);
    return p + ELEMENT_HEADER_BYTES;
}

static uint8_t *put_text(uint8_t *p, const struct element *e, const char *text)
{
    size_t len = strnlen(text, e->max_chars);
    p = put_header(p, e->number, (uint32_t)(len + len % 2));
    for (size_t i = 0; i < len; i++) {
        *p++ = plain_char(text[i]);
    }
    if (len % 2 != 0) {
        *p++ = e->kind == KIND_UI ? '\0' : ' ';
    }
    return p;
}

static uint8_t *put_element(uint8_t *p, const struct element *e, const struct dimse_command *cmd)
{
    const char *member = (const char *)cmd + e->offset;
    uint32_t tag;
    uint16_t number;
    switch ((enum kind)e->kind) {
    case KIND_UI:
    case KIND_AE:
    case KIND_LO:
        return put_text(p, e, member);
    case KIND_AT:
        memcpy(&tag, member, sizeof(tag));
        p = put_header(p, e->number, 4);
        put_le16(p, (uint16_t)(tag >> 16));
        put_le16(p + 2, (uint16_t)tag);
        return p + 4;
    case KIND_US:
        memcpy(&number, member, sizeof(number));
        break;
    case KIND_DATASET_TYPE:
        number = cmd->has_dataset ? DIMSE_HAS_DATASET : DIMSE_NO_DATASET;
        break;
    default:
        return p;
    }
    p = put_header(p, e->number, 2);
    put_le16(p, number);
    return p + 2;
}

size_t command_encode_to(uint8_t out[COMMAND_MAX_BYTES], const struct dimse_command *cmd)
{
    uint8_t *p = out + ELEMENT_HEADER_BYTES + 4; /* the group length, known at the end */
    for (unsigned i = 0; i < ELEMENT_COUNT; i++) {
        if (elements[i].has == 0 || (cmd->has & elements[i].has)) {
            p = put_element(p, &elements[i], cmd);
        }
    }
    put_header(out, 0x0000, 4);
    put_le32(out + ELEMENT_HEADER_BYTES, (uint32_t)(p - out - ELEMENT_HEADER_BYTES - 4));
    return (size_t)(p - out);
}

struct dimse_command command_response(const struct dimse_command *rq, uint16_t status)
{
    struct dimse_command rsp = {
        .field = rq->field | DIMSE_RESPONSE_BIT,
        .has = CMD_HAS_RESPONDED_ID | CMD_HAS_STATUS |
               (rq->has & (CMD_HAS_SOP_CLASS | CMD_HAS_SOP_INSTANCE)),
        .responded_id = rq->message_id,
        .status = status,
    };
    memcpy(rsp.sop_class, rq->sop_class, sizeof(rsp.sop_class));
    memcpy(rsp.sop_instance, rq->sop_instance, sizeof(rsp.sop_instance));
    return rsp;
}

const char *dimse_field_name(uint16_t field)
{
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (messages[i].field == field) {
            return messages[i].name;
        }
    }
    return "unknown command";
}
