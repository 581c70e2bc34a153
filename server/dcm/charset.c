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
 * Delimiters are CR, LF, FF, TAB, the backslash where it parts values, and ^ and = in PN (PS3.5 6.1.2.5.3).
 * As octets of a two-octet character are taken together, none of them is mistaken for a delimiter. The way
 * back writes the shortest form: a set already in place, else the first of those listed, and G0 is put back
 * before a delimiter, as the examples of PS3.5 annexes H to K do.
 *
 * Terms are taken in the spellings found in the field ("ISO-IR 100", "ISO_IR_100"). The conversion is
 * strict: what is not a character is reported, never guessed.
 */
#include "dcm/charset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codedset.h"
#include "vr.h"

enum { ESC = 0x1B, MAX_TERMS = 8, REPLACEMENT = 0xFFFD };

struct repertoire {
    const struct coded_set *whole;   /* complete in itself; NULL = ISO 2022 or 8-bit */
    const struct coded_set *g0, *g1; /* initial */
    const struct coded_set *listed[MAX_TERMS];
    unsigned listed_count;
    bool has_extensions;
};

struct state {
    const struct coded_set *g0, *g1;
};

/* "ISO_IR 100", "ISO 2022 IR 87": the number at the end, 0 = no such term. */
static int term_number(struct span term)
{
    size_t digits = 0;
    int number = 0;
    if (term.len < 3 || memcmp(term.data, "ISO", 3) != 0)
        return 0;
    while (digits < 3 && term.data[term.len - 1 - digits] >= '0' &&
           term.data[term.len - 1 - digits] <= '9')
        digits++;
    for (size_t i = term.len - digits; i < term.len; i++)
        number = number * 10 + (term.data[i] - '0');
    /* between "ISO" and the number only separators, "IR" and "2022" */
    for (size_t i = 3; i < term.len - digits; i++) {
        if (!memchr(" _-IR02", term.data[i], 7))
            return 0;
    }
    return number == 14 ? 0 : number;
}

static const struct coded_set *find_term(struct span term, bool *is_extension)
{
    char text[17];
    if (term.len == 0 || term.len >= sizeof text)
        return term.len == 0 ? coded_set_find(6, NULL) : NULL;
    memcpy(text, term.data, term.len);
    text[term.len] = '\0';
    if (strstr(text, "2022"))
        *is_extension = true;
    int number = term_number(term);
    return coded_set_find(number, text);
}

static bool is_two_octets_g0(const struct coded_set *set)
{
    return set->shape == SHAPE_94X94_G0;
}

static bool add_term(struct repertoire *r, unsigned n, const struct coded_set *set)
{
    if (!set || r->whole || n >= MAX_TERMS)
        return false;
    if (!set->escape) { /* complete in itself: allowed alone only (PS3.3 C.12.1.1.2) */
        r->whole = set;
        return n == 0;
    }
    if (n == 0 && set->number == 13)
        r->g0 = coded_set_find(14, NULL);
    if (n == 0 && set->shape == SHAPE_96)
        r->g1 = set;
    if (set->shape != SHAPE_ASCII)
        r->listed[r->listed_count++] = set;
    return true;
}

static bool parse_terms(struct span terms, struct repertoire *r)
{
    *r = (struct repertoire){.g0 = coded_set_find(6, NULL)};
    struct dcm_element e = {.vr = "CS", .value = terms};
    struct span term;
    unsigned n = 0;
    for (; dcm_value_at(&e, n, &term); n++) {
        if (!add_term(r, n, find_term(term, &r->has_extensions)))
            return false;
    }
    r->has_extensions = (r->has_extensions || n > 1) && !r->whole;
    return true;
}

static bool is_default(const struct repertoire *r)
{
    return !r->whole && r->listed_count == 0;
}

bool dcm_charset_is_supported(struct span terms)
{
    struct repertoire r;
    return parse_terms(terms, &r);
}

/* Sets of two octets in ISO 2022 exist with code extensions only, those that are complete in themselves without. */
static void write_terms(const struct coded_set *set, struct dcm_charset *out)
{
    bool is_alone = set->shape == SHAPE_ASCII || set->shape == SHAPE_96 || !set->escape;
    *out = (struct dcm_charset){.name = set->name};
    if (set->term)
        snprintf(out->term, sizeof out->term, "%s", set->term);
    else if (is_alone)
        snprintf(out->term, sizeof out->term, "ISO_IR %d", set->number);
    if (set->escape)
        snprintf(out->extension, sizeof out->extension, "ISO 2022 IR %d", set->number);
}

bool dcm_charset_at(unsigned index, struct dcm_charset *out)
{
    const struct coded_set *set;
    unsigned named = 0;
    for (unsigned i = 0; (set = coded_set_at(i)); i++) {
        if (!set->name || coded_set_find(set->number, set->term) != set || named++ != index)
            continue;
        write_terms(set, out);
        return true;
    }
    return false;
}

static bool is_delimiter(uint32_t code, const struct vr_info *vr)
{
    return code == '\r' || code == '\n' || code == '\f' || code == '\t' ||
           (code == '\\' && vr->is_split) ||
           ((code == '^' || code == '=') && memcmp(vr->name, "PN", 2) == 0);
}

static bool needs_conversion(const struct repertoire *r, struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] >= 0x80 || (value.data[i] == ESC && r->has_extensions))
            return true;
    }
    return false;
}

/* One character or escape sequence: octets consumed, 0 = neither. *code is 0 after an escape sequence. */
static size_t decode_one(const struct repertoire *r, struct state *s, const uint8_t *p, size_t left,
                         uint32_t *code)
{
    *code = 0;
    if (p[0] == ESC && r->has_extensions) {
        size_t len;
        const struct coded_set *set = coded_set_of_escape(p + 1, left - 1, &len);
        if (!set)
            return 0;
        if (set->shape == SHAPE_ASCII || is_two_octets_g0(set))
            s->g0 = set;
        else
            s->g1 = set;
        return 1 + len;
    }
    if (p[0] < 0x80) {
        if (!r->whole && is_two_octets_g0(s->g0) && p[0] > ' ' && p[0] < 0x7F)
            return coded_decode(s->g0, p, left, code);
        *code = p[0];
        return 1;
    }
    const struct coded_set *set = r->whole ? r->whole : s->g1;
    return set ? coded_decode(set, p, left, code) : 0;
}

/* False: something could not be decoded and became U+FFFD. */
static bool to_utf8(const struct repertoire *r, const struct vr_info *vr, struct span in,
                    struct buf *out)
{
    struct state s = {r->g0, r->g1};
    bool is_clean = true;
    for (size_t at = 0; at < in.len;) {
        uint8_t utf8[4];
        uint32_t code;
        size_t len = decode_one(r, &s, in.data + at, in.len - at, &code);
        bool is_escape = len > 0 && code == 0 && in.data[at] == ESC;
        if (len == 0) {
            is_clean = false;
            code = REPLACEMENT;
            len = 1;
        }
        if (is_delimiter(code, vr))
            s = (struct state){r->g0, r->g1};
        if (!is_escape)
            buf_add(out, utf8, utf8_encode(code, utf8));
        at += len;
    }
    return is_clean;
}

static void designate(struct state *s, const struct coded_set *set, struct buf *out)
{
    buf_add_u8(out, ESC);
    buf_add_str(out, set->escape);
    if (set->shape == SHAPE_ASCII || is_two_octets_g0(set))
        s->g0 = set;
    else
        s->g1 = set;
}

static bool encode_beyond_ascii(const struct repertoire *r, struct state *s, uint32_t code,
                                struct buf *out)
{
    uint8_t octets[4];
    size_t len = 0;
    const struct coded_set *in_place[] = {r->whole, r->whole ? NULL : s->g1,
                                          r->whole || !is_two_octets_g0(s->g0) ? NULL : s->g0};
    for (size_t i = 0; i < 3 && len == 0; i++)
        len = in_place[i] ? coded_encode(in_place[i], code, octets) : 0;
    for (unsigned i = 0; r->has_extensions && i < r->listed_count && len == 0; i++) {
        len = coded_encode(r->listed[i], code, octets);
        if (len)
            designate(s, r->listed[i], out);
    }
    buf_add(out, octets, len);
    return len > 0;
}

/* False: a character does not fit, or the text is not UTF-8. */
static bool from_utf8(const struct repertoire *r, const struct vr_info *vr, struct span in,
                      struct buf *out)
{
    struct state s = {r->g0, r->g1};
    for (size_t at = 0; at < in.len;) {
        uint32_t code;
        size_t len = utf8_decode(in.data + at, in.len - at, &code);
        if (len == 0 || (code == ESC && r->has_extensions))
            return false;
        if (code >= 0x80) {
            if (!encode_beyond_ascii(r, &s, code, out))
                return false;
        } else {
            if (s.g0 != r->g0)
                designate(&s, r->g0, out);
            buf_add_u8(out, (uint8_t)code);
            if (is_delimiter(code, vr))
                s.g1 = r->g1;
        }
        at += len;
    }
    if (s.g0 != r->g0)
        designate(&s, r->g0, out);
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

struct decoding {
    struct arena *arena;
    struct buf work;
    const struct repertoire *fallback; /* NULL = none */
    bool *lossy;
    struct err *err;
};

static enum rc decode_value(struct decoding *d, const struct repertoire *r, struct dcm_element *e)
{
    if (is_default(r) && d->fallback)
        r = d->fallback;
    if (!needs_conversion(r, e->value))
        return RC_OK;
    buf_clear(&d->work);
    if (!to_utf8(r, vr_of(e), e->value, &d->work)) {
        if (!d->lossy)
            return err_set_tag(d->err, RC_INVALID, e->tag,
                               "(%04X,%04X): text is not in its character set",
                               (unsigned)(e->tag >> 16), (unsigned)(e->tag & 0xFFFF));
        *d->lossy = true;
    }
    return keep(&d->work, d->arena, e->tag, &e->value, d->err);
}

static enum rc decode_item(struct decoding *d, struct dcm_item *item,
                           const struct repertoire *inherited)
{
    struct dcm_element *terms = dcm_find(item, TAG_SpecificCharacterSet);
    struct repertoire own = *inherited;
    enum rc rc = RC_OK;
    if (terms && !parse_terms(terms->value, &own))
        return err_set_tag(d->err, RC_UNSUPPORTED, TAG_SpecificCharacterSet,
                           "character set %.*s is not supported",
                           (int)(terms->value.len < 100 ? terms->value.len : 100),
                           (const char *)terms->value.data);
    for (struct dcm_element *e = item->first; e && rc == RC_OK; e = e->next) {
        if (dcm_vr_is_text(e->vr))
            rc = decode_value(d, &own, e);
        for (struct dcm_item *in = e->items; in && rc == RC_OK; in = in->next)
            rc = decode_item(d, in, &own);
    }
    dcm_remove(item, TAG_SpecificCharacterSet);
    return rc;
}

enum rc dcm_tree_to_utf8(struct dcm_item *item, const char *fallback, struct arena *arena,
                         bool *lossy, struct err *err)
{
    struct repertoire none, assumed;
    struct decoding d = {.arena = arena, .lossy = lossy, .err = err};
    (void)parse_terms(span_str(""), &none);
    if (lossy)
        *lossy = false;
    if (fallback && *fallback) {
        if (!parse_terms(span_str(fallback), &assumed))
            return err_set_tag(err, RC_UNSUPPORTED, TAG_SpecificCharacterSet,
                               "assumed character set %.100s is not supported", fallback);
        d.fallback = &assumed;
    }
    buf_init(&d.work, 0);
    enum rc rc = decode_item(&d, item, &none);
    buf_fini(&d.work);
    return rc;
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
    if (!needs_conversion(j->r, utf8))
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

static enum rc parse_target(const char *terms, struct repertoire *r, struct err *err)
{
    if (parse_terms(span_str(terms), r))
        return RC_OK;
    return err_set_tag(err, RC_UNSUPPORTED, TAG_SpecificCharacterSet,
                       "character set %.100s is not supported", terms);
}

enum rc dcm_tree_from_utf8(struct dcm_item *item, const char *terms, struct arena *arena,
                           struct err *err)
{
    struct repertoire r;
    struct encoding_job j = {.r = &r, .arena = arena, .err = err};
    enum rc rc = parse_target(terms, &r, err);
    if (rc != RC_OK)
        return rc;
    buf_init(&j.work, 0);
    rc = encode_item(&j, item);
    buf_fini(&j.work);
    if (rc != RC_OK)
        return rc;
    if (terms && *terms && !dcm_put_text(arena, item, TAG_SpecificCharacterSet, "CS", terms))
        return no_memory(err, 0);
    if (!terms || !*terms)
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
