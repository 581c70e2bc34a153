/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/charset: text between the repertoires of (0008,0005) and UTF-8 (PS3.3 C.12.1.1.2, PS3.5 6.1).
 *
 * A repertoire is what a value of (0008,0005) says: no code extensions (one set), code extensions by ISO 2022
 * (the initial sets of value 1 and those that escape sequences may designate), or one of the sets that are
 * complete in themselves (UTF-8, GBK, GB18030). Converting one value is a walk with two variables, the set in
 * G0 and the set in G1:
 *
 *     start, or after a delimiter: G0 = ASCII or ISO-IR 14, G1 = the set of value 1 or none
 *     ESC ...        the set it names into G0 or G1
 *     21-7E          G0: ASCII, or the first of two octets
 *     A0-FF          G1: one octet, or the first of two
 *
 * Delimiters are control characters, the backslash where it parts values, and ^ and = in PN (PS3.5 6.1.2.5.3).
 * As octets of a two-octet character are taken together, none of them is mistaken for a delimiter.
 *
 * The way back stays in the set that was designated last while it has the characters, else takes the first of those
 * listed. A set that is in place but was not the last is designated again: DCMTK and pydicom decode what follows an
 * escape sequence by its set alone, and do not keep G0 and G1 apart. Before a delimiter and at the end G0 and G1 are
 * put back, as the examples of PS3.5 annexes H to K do (G1 only to a set: where value 1 has none, a reader resets it
 * by itself).
 *
 * ISO-IR 14 in G0 is read as ASCII, as DICOM readers do: its 5C is the separator of values, although it looks like
 * a yen sign (PS3.5 6.1.2.5.3), and 7E stays a tilde.
 *
 * What is not a character, or not in a set that is listed, is never guessed. Whoever asks a question with such
 * text is told so (dcm_tree_to_utf8). Of an object that exists each value is read as well as it can be, and each
 * flaw is told with its attribute (dcm_tree_to_utf8_anyhow): an unlisted escape sequence is followed, 8-bit text
 * without a set is UTF-8 if it can be and else Latin-1, and octets that are no characters become U+FFFD.
 */
#include "dcm/charset.h"

#include <stdlib.h>
#include <string.h>

#include "repertoire.h"
#include "vr.h"

enum { ESC = 0x1B, REPLACEMENT = 0xFFFD };

struct state {
    const struct coded_set *g0, *g1;
    const struct coded_set *last; /* writing: what was designated last, or is active by value 1 */
};

static bool is_two_octets_g0(const struct coded_set *set)
{
    return set->shape == SHAPE_94X94_G0;
}

static bool is_delimiter(uint32_t code, const struct vr_info *vr)
{
    return code < ' ' || (code == '\\' && vr->is_split) ||
           ((code == '^' || code == '=') && memcmp(vr->name, "PN", 2) == 0);
}

static bool has_octet_beyond_ascii(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] >= 0x80)
            return true;
    }
    return false;
}

static bool has_escape(struct span value)
{
    return value.len > 0 && memchr(value.data, ESC, value.len);
}

/* Within the text: at its end it is padding of some writers. */
static bool has_nul(struct span value)
{
    const uint8_t *nul = value.len > 0 ? memchr(value.data, '\0', value.len) : NULL;
    for (; nul && nul < value.data + value.len; nul++) {
        if (*nul != '\0' && *nul != ' ')
            return true;
    }
    return false;
}

/* What was found in one value. */
enum { FOUND_UNDECODABLE = 1, FOUND_NOT_LISTED = 2 };

/* An escape sequence: octets consumed, 0 = none that is known. */
static size_t follow_escape(const struct repertoire *r, struct state *s, const uint8_t *p,
                            size_t left, unsigned *found)
{
    size_t len;
    const struct coded_set *set = coded_set_of_escape(p + 1, left - 1, &len);
    if (!set)
        return 0;
    if (!repertoire_lists(r, set))
        *found |= FOUND_NOT_LISTED;
    if (set->shape == SHAPE_ASCII || is_two_octets_g0(set))
        s->g0 = set;
    else
        s->g1 = set;
    return 1 + len;
}

/* One character: octets consumed, 0 = none. */
static size_t decode_one(const struct repertoire *r, const struct state *s, const uint8_t *p,
                         size_t left, uint32_t *code)
{
    if (p[0] < 0x80) {
        if (!r->whole && is_two_octets_g0(s->g0) && p[0] > ' ' && p[0] < 0x7F)
            return coded_decode(s->g0, p, left, code);
        *code = p[0];
        return 1;
    }
    const struct coded_set *set = r->whole ? r->whole : s->g1;
    return set ? coded_decode(set, p, left, code) : 0;
}

/* What is no character becomes U+FFFD. Returns what was found wrong, 0 = nothing. */
static unsigned to_utf8(const struct repertoire *r, const struct vr_info *vr, struct span in,
                        struct buf *out)
{
    struct state s = {.g0 = r->g0, .g1 = r->reading_g1};
    unsigned found = 0;
    for (size_t at = 0; at < in.len;) {
        const uint8_t *p = in.data + at;
        uint8_t utf8[4];
        uint32_t code = 0;
        size_t len = 0;
        if (*p == ESC && r->has_extensions) {
            size_t escape = follow_escape(r, &s, p, in.len - at, &found);
            at += escape;
            if (escape)
                continue;
        } else {
            len = decode_one(r, &s, p, in.len - at, &code);
            found |= *p == ESC ? FOUND_NOT_LISTED : 0; /* stays what it is */
        }
        if (len == 0) {
            found |= FOUND_UNDECODABLE;
            code = REPLACEMENT;
            len = 1;
        }
        if (is_delimiter(code, vr))
            s = (struct state){.g0 = r->g0, .g1 = r->reading_g1};
        buf_add(out, utf8, utf8_encode(code, utf8));
        at += len;
    }
    return found;
}

static void designate(struct state *s, const struct coded_set *set, struct buf *out)
{
    buf_add_u8(out, ESC);
    buf_add_str(out, set->escape);
    if (set->shape == SHAPE_ASCII || is_two_octets_g0(set))
        s->g0 = set;
    else
        s->g1 = set;
    s->last = set;
}

static bool encode_beyond_ascii(const struct repertoire *r, struct state *s, uint32_t code,
                                struct buf *out)
{
    uint8_t octets[4];
    size_t len = s->last ? coded_encode(s->last, code, octets) : 0;
    for (unsigned i = 0; r->has_extensions && i < r->count && len == 0; i++) {
        len = coded_encode(r->terms[i], code, octets);
        if (len)
            designate(s, r->terms[i], out);
    }
    buf_add(out, octets, len);
    return len > 0;
}

/* What value 1 makes active (PS3.5 6.1.2.5.3). */
static void put_back(const struct repertoire *r, struct state *s, struct buf *out)
{
    if (s->g0 != r->g0)
        designate(s, r->g0, out);
    if (s->g1 != r->g1 && r->g1)
        designate(s, r->g1, out);
    *s = (struct state){r->g0, r->g1, r->whole ? r->whole : r->g1};
}

/* False: a character does not fit, or the text is not UTF-8. */
static bool from_utf8(const struct repertoire *r, const struct vr_info *vr, struct span in,
                      struct buf *out)
{
    struct state s = {r->g0, r->g1, r->whole ? r->whole : r->g1};
    for (size_t at = 0; at < in.len;) {
        uint32_t code;
        size_t len = utf8_decode(in.data + at, in.len - at, &code);
        if (len == 0 || (code == ESC && r->has_extensions))
            return false;
        if (code >= 0x80) {
            if (!encode_beyond_ascii(r, &s, code, out))
                return false;
        } else {
            if (is_delimiter(code, vr))
                put_back(r, &s, out);
            else if (s.g0 != r->g0)
                designate(&s, r->g0, out);
            buf_add_u8(out, (uint8_t)code);
        }
        at += len;
    }
    put_back(r, &s, out);
    return true;
}

static enum rc no_memory(struct err *err, uint32_t tag)
{
    return err_set_limit(err, LIMIT_memory, tag, "text needs more than it may have");
}

/* What was converted, out of the working buffer into the arena. */
static enum rc keep(struct buf *work, struct arena *arena, uint32_t tag, struct span *out,
                    struct err *err)
{
    uint8_t *copy = buf_status(work) == RC_OK ? arena_alloc(arena, work->len + 1) : NULL;
    if (!copy)
        return no_memory(err, tag);
    if (work->len)
        memcpy(copy, work->data, work->len);
    *out = span_of(copy, work->len);
    return RC_OK;
}

/* To UTF-8 */

/* The items around the value at work, from the inside out. */
struct level {
    const struct level *around;
    uint32_t tag; /* of the sequence */
    unsigned ordinal;
};

struct decoding {
    struct arena *arena;
    struct buf work;
    const struct repertoire *fallback; /* NULL = none */
    bool *lossy;
    dcm_text_flaw_cb on_flaw; /* NULL = whoever asks wants it exactly, or with *lossy */
    void *arg;
    struct err *err;
};

static void add_level(struct buf *path, const struct level *l)
{
    if (!l)
        return;
    add_level(path, l->around);
    buf_printf(path, "%08X[%u].", (unsigned)l->tag, l->ordinal);
}

static void tell(struct decoding *d, enum dcm_text_flaw flaw, const struct level *l, uint32_t tag)
{
    struct buf path;
    buf_init(&path, 0);
    add_level(&path, l);
    buf_printf(&path, "%08X", (unsigned)tag);
    d->on_flaw(flaw, buf_cstr(&path), d->arg);
    buf_fini(&path);
}

static enum rc no_text(struct err *err, uint32_t tag)
{
    return err_set_tag(err, RC_INVALID, tag, "(%04X,%04X): text is not in its character set",
                       (unsigned)(tag >> 16), (unsigned)(tag & 0xFFFF));
}

/* 8-bit text that no supported set is named for. */
static void assume(struct decoding *d, const struct dcm_element *e, const struct level *l)
{
    struct repertoire r;
    (void)repertoire_parse(span_str("ISO_IR 192"), &r);
    unsigned found = to_utf8(&r, vr_of(e), e->value, &d->work);
    if (found & FOUND_UNDECODABLE) {
        buf_clear(&d->work);
        (void)repertoire_parse(span_str("ISO_IR 100"), &r);
        found = to_utf8(&r, vr_of(e), e->value, &d->work);
        tell(d, DCM_TEXT_READ_AS_LATIN1, l, e->tag);
    } else {
        tell(d, DCM_TEXT_READ_AS_UTF8, l, e->tag);
    }
    if (found & FOUND_NOT_LISTED)
        tell(d, DCM_TEXT_SET_NOT_LISTED, l, e->tag);
    if (found & FOUND_UNDECODABLE)
        tell(d, DCM_TEXT_UNDECODABLE, l, e->tag);
}

static enum rc decode_value(struct decoding *d, const struct repertoire *r, struct dcm_element *e,
                            const struct level *l)
{
    bool is_wide = has_octet_beyond_ascii(e->value);
    if (d->on_flaw && has_nul(e->value))
        tell(d, DCM_TEXT_HAS_NUL, l, e->tag);
    if (!is_wide && !has_escape(e->value))
        return RC_OK;
    if (repertoire_is_default(r) && d->fallback)
        r = d->fallback;
    buf_clear(&d->work);
    if (d->on_flaw && repertoire_is_default(r) && is_wide) {
        assume(d, e, l);
        return keep(&d->work, d->arena, e->tag, &e->value, d->err);
    }
    unsigned found = to_utf8(r, vr_of(e), e->value, &d->work);
    if (found && !d->lossy && !d->on_flaw)
        return no_text(d->err, e->tag);
    if (d->on_flaw && (found & FOUND_NOT_LISTED))
        tell(d, DCM_TEXT_SET_NOT_LISTED, l, e->tag);
    if (d->on_flaw && (found & FOUND_UNDECODABLE))
        tell(d, DCM_TEXT_UNDECODABLE, l, e->tag);
    if (d->lossy && (found & FOUND_UNDECODABLE))
        *d->lossy = true;
    return keep(&d->work, d->arena, e->tag, &e->value, d->err);
}

/* The item's own set, if it has one. */
static enum rc read_terms(struct decoding *d, const struct dcm_item *item, const struct level *l,
                          struct repertoire *own)
{
    const struct dcm_element *terms = dcm_find(item, TAG_SpecificCharacterSet);
    if (!terms || repertoire_parse(terms->value, own))
        return RC_OK;
    if (!d->on_flaw)
        return err_set_tag(d->err, RC_UNSUPPORTED, TAG_SpecificCharacterSet,
                           "character set %.*s is not supported",
                           (int)(terms->value.len < 100 ? terms->value.len : 100),
                           (const char *)terms->value.data);
    tell(d, DCM_TEXT_SET_UNSUPPORTED, l, TAG_SpecificCharacterSet);
    (void)repertoire_parse(span_str(""), own);
    return RC_OK;
}

static enum rc decode_item(struct decoding *d, struct dcm_item *item,
                           const struct repertoire *inherited, const struct level *l)
{
    struct repertoire own = *inherited;
    enum rc rc = read_terms(d, item, l, &own);
    for (struct dcm_element *e = item->first; e && rc == RC_OK; e = e->next) {
        struct level inner = {.around = l, .tag = e->tag};
        if (dcm_vr_is_text(e->vr))
            rc = decode_value(d, &own, e, l);
        for (struct dcm_item *in = e->items; in && rc == RC_OK; in = in->next) {
            inner.ordinal++;
            rc = decode_item(d, in, &own, &inner);
        }
    }
    dcm_remove(item, TAG_SpecificCharacterSet);
    return rc;
}

static enum rc decode_tree(struct decoding *d, struct dcm_item *item)
{
    struct repertoire none;
    (void)repertoire_parse(span_str(""), &none);
    buf_init(&d->work, 0);
    enum rc rc = decode_item(d, item, &none, NULL);
    buf_fini(&d->work);
    return rc;
}

enum rc dcm_tree_to_utf8(struct dcm_item *item, const char *fallback, struct arena *arena,
                         bool *lossy, struct err *err)
{
    struct repertoire assumed;
    struct decoding d = {.arena = arena, .lossy = lossy, .err = err};
    if (lossy)
        *lossy = false;
    if (fallback && *fallback) {
        if (!repertoire_parse(span_str(fallback), &assumed))
            return err_set_tag(err, RC_UNSUPPORTED, TAG_SpecificCharacterSet,
                               "assumed character set %.100s is not supported", fallback);
        d.fallback = &assumed;
    }
    return decode_tree(&d, item);
}

enum rc dcm_tree_to_utf8_anyhow(struct dcm_item *item, struct arena *arena,
                                dcm_text_flaw_cb on_flaw, void *arg, struct err *err)
{
    struct decoding d = {.arena = arena, .on_flaw = on_flaw, .arg = arg, .err = err};
    return decode_tree(&d, item);
}

/* From UTF-8: all new values first, so that the tree is unchanged if one of them cannot be had. */

struct change {
    struct dcm_element *e;
    struct span value;
    struct change *next;
};
struct encoding_job {
    const struct repertoire *r;
    struct arena *arena;
    struct buf work;
    struct change *changes;
    struct err *err;
};

static enum rc encode_text(struct encoding_job *j, const struct vr_info *vr, uint32_t tag,
                           struct span utf8, struct span *out)
{
    *out = utf8;
    if (!has_octet_beyond_ascii(utf8) && !(j->r->has_extensions && has_escape(utf8)))
        return RC_OK;
    buf_clear(&j->work);
    if (!from_utf8(j->r, vr, utf8, &j->work))
        return err_set_tag(j->err, RC_UNSUPPORTED, tag,
                           "(%04X,%04X): text has a character that does not fit the character set",
                           (unsigned)(tag >> 16), (unsigned)(tag & 0xFFFF));
    return keep(&j->work, j->arena, tag, out, j->err);
}

static enum rc encode_element(struct encoding_job *j, struct dcm_element *e)
{
    struct change *change;
    struct span value;
    enum rc rc = encode_text(j, vr_of(e), e->tag, e->value, &value);
    if (rc != RC_OK || value.data == e->value.data)
        return rc;
    if (!(change = arena_alloc(j->arena, sizeof *change)))
        return no_memory(j->err, e->tag);
    *change = (struct change){e, value, j->changes};
    j->changes = change;
    return RC_OK;
}

static enum rc encode_item(struct encoding_job *j, struct dcm_item *item)
{
    enum rc rc = RC_OK;
    for (struct dcm_element *e = item->first; e && rc == RC_OK; e = e->next) {
        if (dcm_vr_is_text(e->vr))
            rc = encode_element(j, e);
        for (struct dcm_item *in = e->items; in && rc == RC_OK; in = in->next)
            rc = encode_item(j, in);
    }
    return rc;
}

enum rc dcm_tree_from_utf8(struct dcm_item *item, const char *terms, struct arena *arena,
                           struct err *err)
{
    struct repertoire r;
    struct encoding_job j = {.r = &r, .arena = arena, .err = err};
    char spelled[DCM_CHARSET_TERMS_MAX];
    if (!repertoire_parse(span_str(terms), &r))
        return err_set_tag(err, RC_UNSUPPORTED, TAG_SpecificCharacterSet,
                           "character set %.100s is not supported", terms);
    buf_init(&j.work, 0);
    enum rc rc = encode_item(&j, item);
    buf_fini(&j.work);
    if (rc != RC_OK)
        return rc;
    repertoire_write(&r, spelled);
    if (spelled[0] && !dcm_put_text(arena, item, TAG_SpecificCharacterSet, "CS", spelled))
        return no_memory(err, 0);
    if (!spelled[0])
        dcm_remove(item, TAG_SpecificCharacterSet);
    for (struct change *c = j.changes; c; c = c->next)
        c->e->value = c->value;
    return RC_OK;
}

bool dcm_tree_is_ascii(const struct dcm_item *item)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        for (size_t i = 0; dcm_vr_is_text(e->vr) && i < e->value.len; i++) {
            if (e->value.data[i] >= 0x80)
                return false;
        }
        for (const struct dcm_item *in = e->items; in; in = in->next) {
            if (!dcm_tree_is_ascii(in))
                return false;
        }
    }
    return true;
}
