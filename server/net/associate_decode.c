/* SPDX-License-Identifier: Apache-2.0
 *
 * net/pdu: decoding A-ASSOCIATE-RQ and -AC (PS3.8 9.3.2, 9.3.3; PS3.7 D.3.3).
 *
 * A suspicious parser. A cursor walks the body; every getter checks what is left before it touches it
 * and latches the first error, so that the code below reads like the tables of the standard. Items are
 * walked twice: once to count them by type, so that arrays can be taken from the arena in one piece,
 * and once to read them. Unknown items are skipped; an item that may come once and comes twice is an
 * error, and so is one that ends early or has octets left over.
 *
 * Tolerated, because peers do it and the meaning is plain: padding after UIDs and titles, a missing
 * implementation class UID, a context without transfer syntaxes (it will be refused), a version name
 * that is too long (it is cut).
 */
#include "net/pdu.h"

#include "items.h"

struct cursor {
    struct span rest;
    enum rc rc;
    struct err *err;
    struct arena *arena;
};

/* The types of interest all lie below 60H. */
enum { ITEM_TYPES = 0x60 };
struct item_counts {
    unsigned of[ITEM_TYPES];
};

static void fail(struct cursor *c, const char *what)
{
    if (c->rc == RC_OK) {
        c->rc = err_set(c->err, RC_INVALID, "%s", what);
    }
    c->rest = span_of(NULL, 0);
}

static void *claim(struct cursor *c, size_t count, size_t size)
{
    if (c->rc != RC_OK || count == 0) {
        return NULL;
    }
    void *p = arena_array(c->arena, count, size);
    if (p == NULL) {
        c->rc = err_set(c->err, RC_NOMEM, "the associate PDU needs more memory than allowed");
        c->rest = span_of(NULL, 0);
    }
    return p;
}

static struct span take(struct cursor *c, size_t n)
{
    if (c->rc != RC_OK || c->rest.len < n) {
        fail(c, "an item of the associate PDU ends early");
        return span_of(NULL, 0);
    }
    struct span taken = span_of(c->rest.data, n);
    c->rest = span_of(c->rest.data + n, c->rest.len - n);
    return taken;
}

static uint8_t take_u8(struct cursor *c)
{
    struct span s = take(c, 1);
    return s.len == 1 ? s.data[0] : 0;
}

static uint16_t take_be16(struct cursor *c)
{
    struct span s = take(c, 2);
    return s.len == 2 ? get_be16(s.data) : 0;
}

static uint32_t take_be32(struct cursor *c)
{
    struct span s = take(c, 4);
    return s.len == 4 ? get_be32(s.data) : 0;
}

static struct span take_counted(struct cursor *c)
{
    return take(c, take_be16(c));
}

/* The next item of the cursor as a cursor of its own; false at the end or after an error. */
static bool next_item(struct cursor *c, uint8_t *type, struct cursor *item)
{
    if (c->rc != RC_OK || c->rest.len == 0) {
        return false;
    }
    *type = take_u8(c);
    take_u8(c); /* reserved, but for 57H, whose version is read where it matters */
    *item = *c;
    item->rest = take_counted(c);
    item->rc = c->rc;
    return c->rc == RC_OK;
}

/* Back from an item: its error is the parent's, and it must be used up. */
static void end_item(struct cursor *c, const struct cursor *item)
{
    if (item->rc != RC_OK) {
        c->rc = item->rc; /* the text is in c->err already */
        c->rest = span_of(NULL, 0);
    } else if (item->rest.len != 0) {
        fail(c, "an item of the associate PDU is longer than its content");
    }
}

static struct item_counts count_items(struct cursor c)
{
    struct item_counts counts = {{0}};
    struct cursor item;
    uint8_t type;
    c.err = NULL; /* a malformed body is reported by the second walk */
    while (next_item(&c, &type, &item)) {
        if (type < ITEM_TYPES) {
            counts.of[type]++;
        }
    }
    return counts;
}

static void check_once(struct cursor *c, const struct item_counts *counts, const uint8_t *types,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (counts->of[types[i]] > 1) {
            fail(c, "an item of the associate PDU that may come once comes twice");
        }
    }
}

/* PS3.8 Annex F: digits and dots, 64 at most. What else is printable is let through, to match nothing;
 * trailing NULs and spaces are not part of it. */
static const char *uid_of(struct cursor *c, struct span s)
{
    while (s.len > 0 && (s.data[s.len - 1] == 0 || s.data[s.len - 1] == ' ')) {
        s.len--;
    }
    if (s.len > UID_MAX) {
        fail(c, "a UID of the associate PDU is longer than 64 characters");
        return "";
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~') {
            fail(c, "a UID of the associate PDU has a character that is not printable");
            return "";
        }
    }
    char *text = claim(c, s.len + 1, 1);
    if (text == NULL) {
        return "";
    }
    if (s.len > 0) {
        memcpy(text, s.data, s.len);
    }
    return text;
}

static const char *take_uid(struct cursor *c) /* all that is left of the item */
{
    return uid_of(c, take(c, c->rest.len));
}

static const char *take_counted_uid(struct cursor *c)
{
    return uid_of(c, take_counted(c));
}

static struct span keep(struct cursor *c, struct span s)
{
    uint8_t *copy = claim(c, s.len, 1);
    if (copy == NULL) {
        return span_of(NULL, 0);
    }
    memcpy(copy, s.data, s.len);
    return span_of(copy, s.len);
}

/* Leading and trailing spaces are not significant (PS3.8 9.3.2); some peers pad with NUL. */
static void title_of(struct span s, char out[AET_MAX + 1])
{
    const uint8_t *nul = memchr(s.data, 0, s.len);
    if (nul != NULL) {
        s.len = (size_t)(nul - s.data);
    }
    while (s.len > 0 && s.data[s.len - 1] == ' ') {
        s.len--;
    }
    while (s.len > 0 && s.data[0] == ' ') {
        s = span_of(s.data + 1, s.len - 1);
    }
    memcpy(out, s.data, s.len);
    out[s.len] = '\0';
}

static const char *take_version_name(struct cursor *c)
{
    struct span s = take(c, c->rest.len);
    size_t len = s.len < AET_MAX ? s.len : AET_MAX;
    char *text = claim(c, len + 1, 1);
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < len && s.data[i] != 0; i++) {
        text[i] = s.data[i] >= ' ' && s.data[i] <= '~' ? (char)s.data[i] : '?';
    }
    return text;
}

static void read_context(struct cursor *c, bool is_rq, struct pdu_context *out)
{
    struct cursor item;
    uint8_t type;
    out->id = take_u8(c);
    take_u8(c);
    out->result = take_u8(c);
    take_u8(c);
    if (is_rq) {
        out->result = 0; /* reserved there */
    }
    struct item_counts counts = count_items(*c);
    if (counts.of[ITEM_ABSTRACT_SYNTAX] != (is_rq ? 1 : 0)) {
        fail(c, "a presentation context has not exactly the one abstract syntax it must have");
    }
    /* PS3.8 9.3.3.2: the transfer syntax of a context that is not accepted is not significant. */
    if (!is_rq && out->result == PC_ACCEPTED && counts.of[ITEM_TRANSFER_SYNTAX] != 1) {
        fail(c, "an accepted presentation context has not exactly one transfer syntax");
    }
    out->transfer_syntaxes = claim(c, counts.of[ITEM_TRANSFER_SYNTAX], sizeof(char *));
    while (next_item(c, &type, &item)) {
        if (type == ITEM_ABSTRACT_SYNTAX) {
            out->abstract_syntax = take_uid(&item);
        } else if (type == ITEM_TRANSFER_SYNTAX) {
            out->transfer_syntaxes[out->transfer_syntax_count++] = take_uid(&item);
        } else {
            continue;
        }
        end_item(c, &item);
    }
}

static void read_role(struct cursor *c, struct pdu_role *out)
{
    out->sop_class = take_counted_uid(c);
    out->scu = take_u8(c);
    out->scp = take_u8(c);
}

static void read_extended(struct cursor *c, struct pdu_extended *out)
{
    out->sop_class = take_counted_uid(c);
    out->info = keep(c, take(c, c->rest.len));
}

static void read_common_extended(struct cursor *c, struct pdu_common_extended *out)
{
    out->sop_class = take_counted_uid(c);
    out->service_class = take_counted_uid(c);
    struct cursor list = *c;
    list.rest = take_counted(c);
    list.rc = c->rc;

    struct cursor count = list;
    count.err = NULL;
    unsigned n = 0;
    while (count.rc == RC_OK && count.rest.len > 0) {
        take_counted(&count);
        n++;
    }
    out->related_general = claim(&list, n, sizeof(char *));
    while (list.rc == RC_OK && list.rest.len > 0) {
        out->related_general[out->related_general_count++] = take_counted_uid(&list);
    }
    end_item(c, &list);
    take(c, c->rest.len); /* PS3.7 D.3.3.6: room for later fields */
}

static void read_user_identity(struct cursor *c, struct pdu_user_identity *out)
{
    out->type = take_u8(c);
    out->response_requested = take_u8(c) == 1;
    out->primary = keep(c, take_counted(c));
    out->secondary = keep(c, take_counted(c));
}

/* One sub-item of the user information; false = unknown, or not of this PDU: skip it. */
static bool read_sub_item(struct cursor *c, uint8_t type, bool is_rq, struct pdu_associate *out)
{
    switch (type) {
    case ITEM_MAX_LENGTH:
        out->has_max_length = true;
        out->max_length = take_be32(c);
        return true;
    case ITEM_IMPLEMENTATION_UID:
        out->implementation_class_uid = take_uid(c);
        return true;
    case ITEM_ASYNC_WINDOW:
        out->has_async_window = true;
        out->max_ops_invoked = take_be16(c);
        out->max_ops_performed = take_be16(c);
        return true;
    case ITEM_ROLE:
        read_role(c, &out->roles[out->role_count++]);
        return true;
    case ITEM_IMPLEMENTATION_VERSION:
        out->implementation_version = take_version_name(c);
        return true;
    case ITEM_EXTENDED:
        read_extended(c, &out->extended[out->extended_count++]);
        return true;
    case ITEM_COMMON_EXTENDED:
        if (is_rq) {
            read_common_extended(c, &out->common_extended[out->common_extended_count++]);
        }
        return is_rq;
    case ITEM_USER_IDENTITY_RQ:
        if (is_rq) {
            out->has_user_identity = true;
            read_user_identity(c, &out->user_identity);
        }
        return is_rq;
    case ITEM_USER_IDENTITY_AC:
        if (!is_rq) {
            out->has_user_identity_ac = true;
            out->user_identity_response = keep(c, take_counted(c));
        }
        return !is_rq;
    default:
        return false;
    }
}

static void read_user_information(struct cursor *c, bool is_rq, struct pdu_associate *out)
{
    static const uint8_t once[] = {
        ITEM_MAX_LENGTH,       ITEM_IMPLEMENTATION_UID,
        ITEM_ASYNC_WINDOW,     ITEM_IMPLEMENTATION_VERSION,
        ITEM_USER_IDENTITY_RQ, ITEM_USER_IDENTITY_AC,
    };
    struct item_counts counts = count_items(*c);
    check_once(c, &counts, once, sizeof(once));
    out->roles = claim(c, counts.of[ITEM_ROLE], sizeof(*out->roles));
    out->extended = claim(c, counts.of[ITEM_EXTENDED], sizeof(*out->extended));
    if (is_rq) {
        out->common_extended =
            claim(c, counts.of[ITEM_COMMON_EXTENDED], sizeof(*out->common_extended));
    }
    for (;;) {
        struct cursor item;
        uint8_t type;
        /* PS3.7 D.3.3.6: the octet reserved elsewhere is the version of 57H; ours is 0. */
        bool is_later_version =
            c->rest.len > 1 && c->rest.data[0] == ITEM_COMMON_EXTENDED && c->rest.data[1] != 0;
        if (!next_item(c, &type, &item)) {
            return;
        }
        if (!is_later_version && read_sub_item(&item, type, is_rq, out)) {
            end_item(c, &item);
        }
    }
}

static void read_items(struct cursor *c, bool is_rq, struct pdu_associate *out)
{
    static const uint8_t once[] = {ITEM_APPLICATION_CONTEXT, ITEM_USER_INFORMATION};
    const uint8_t context_type = is_rq ? ITEM_CONTEXT_RQ : ITEM_CONTEXT_AC;
    struct item_counts counts = count_items(*c);
    check_once(c, &counts, once, sizeof(once));
    if (counts.of[context_type] > PDU_MAX_CONTEXTS) {
        fail(c, "more than 128 presentation contexts");
    }
    out->contexts = claim(c, counts.of[context_type], sizeof(*out->contexts));

    struct cursor item;
    uint8_t type;
    while (next_item(c, &type, &item)) {
        if (type == ITEM_APPLICATION_CONTEXT) {
            out->application_context = take_uid(&item);
        } else if (type == context_type) {
            read_context(&item, is_rq, &out->contexts[out->context_count++]);
        } else if (type == ITEM_USER_INFORMATION) {
            read_user_information(&item, is_rq, out);
        } else {
            continue;
        }
        end_item(c, &item);
    }
}

enum rc pdu_decode_associate(struct span body, enum pdu_type type, struct arena *arena,
                             struct pdu_associate *out, struct err *err)
{
    struct cursor c = {.rest = body, .rc = RC_OK, .err = err, .arena = arena};
    memset(out, 0, sizeof(*out));
    if (body.len < 4 + sizeof(out->echoed)) {
        return err_set(err, RC_INVALID, "%s of length %zu", pdu_type_name(type), body.len);
    }
    out->protocol_version = take_be16(&c);
    take_be16(&c);
    memcpy(out->echoed, take(&c, sizeof(out->echoed)).data, sizeof(out->echoed));
    title_of(span_of(out->echoed, AET_MAX), out->called_aet);
    title_of(span_of(out->echoed + AET_MAX, AET_MAX), out->calling_aet);
    read_items(&c, type == PDU_ASSOCIATE_RQ, out);
    return c.rc;
}
