/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of (0008,0005) (PS3.3 C.12.1.1.2).
 *
 * They are read in the spellings found in the field ("ISO-IR 100", "ISO_IR_100", several terms without "2022", a
 * set of two octets as value 1) and written in the standard's. A set that is complete in itself stands alone.
 */
#include "repertoire.h"

#include <string.h>

#include "vr.h"

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
    if (term.len == 0)
        return coded_set_find(6, NULL);
    if (term.len >= sizeof text || memchr(term.data, '\0', term.len))
        return NULL;
    memcpy(text, term.data, term.len);
    text[term.len] = '\0';
    if (strstr(text, "2022"))
        *is_extension = true;
    int number = term_number(term);
    return coded_set_find(number, text);
}

static bool is_double(const struct coded_set *set)
{
    return set->shape == SHAPE_94X94_G0 || set->shape == SHAPE_94X94_G1;
}

static bool add_term(struct repertoire *r, const struct coded_set *set, bool is_empty)
{
    bool is_first = r->count == 0;
    if (!set || r->whole || r->count >= REPERTOIRE_MAX_TERMS)
        return false;
    r->terms[r->count++] = set;
    if (is_first)
        r->starts_empty = is_empty || is_double(set);
    if (!set->escape) { /* complete in itself: allowed alone only (PS3.3 C.12.1.1.2) */
        r->whole = set;
        return is_first;
    }
    if (is_double(set)) /* has no term without code extensions */
        r->has_extensions = true;
    if (!is_first)
        return true;
    if (set->number == 13)
        r->g0 = coded_set_find(14, NULL);
    if (set->shape == SHAPE_96)
        r->g1 = set;
    r->reading_g1 = set->shape == SHAPE_94X94_G1 ? set : r->g1;
    return true;
}

bool repertoire_parse(struct span terms, struct repertoire *r)
{
    *r = (struct repertoire){.g0 = coded_set_find(6, NULL), .starts_empty = true};
    struct dcm_element e = {.vr = "CS", .value = terms};
    struct span term;
    for (unsigned n = 0; dcm_value_at(&e, n, &term); n++) {
        if (!add_term(r, find_term(term, &r->has_extensions), term.len == 0))
            return false;
    }
    r->has_extensions = (r->has_extensions || r->count > 1) && !r->whole;
    return true;
}

bool repertoire_is_default(const struct repertoire *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (r->terms[i]->shape != SHAPE_ASCII)
            return false;
    }
    return true;
}

bool repertoire_lists(const struct repertoire *r, const struct coded_set *set)
{
    if (set->shape == SHAPE_ASCII) /* the way back to G0, whatever is listed */
        return true;
    for (unsigned i = 0; i < r->count; i++) {
        if (r->terms[i] == set)
            return true;
    }
    return false;
}

void repertoire_write(const struct repertoire *r, char out[DCM_CHARSET_TERMS_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < r->count; i++) {
        const struct coded_set *set = r->terms[i];
        const char *term = r->has_extensions ? set->extension_term : set->term;
        bool is_left_out = i == 0 && r->starts_empty && !is_double(set);
        if (i > 0 || (r->starts_empty && is_double(set)))
            out[len++] = '\\';
        if (term && !is_left_out) {
            memcpy(out + len, term, strlen(term));
            len += strlen(term);
        }
        out[len] = '\0';
    }
}

bool dcm_charset_spell(struct span terms, char out[DCM_CHARSET_TERMS_MAX])
{
    struct repertoire r;
    if (!repertoire_parse(terms, &r))
        return false;
    repertoire_write(&r, out);
    return true;
}

bool dcm_charset_at(unsigned index, struct dcm_charset *out)
{
    const struct coded_set *set;
    for (unsigned i = 0; (set = coded_set_at(i)); i++) {
        if (!set->name || index-- > 0)
            continue;
        *out = (struct dcm_charset){
            .name = set->name,
            .term = set->term,
            .extension_term = set->extension_term,
            .escape = set->escape,
        };
        return true;
    }
    return false;
}
