/* SPDX-License-Identifier: Apache-2.0
 *
 * Both sides asked, and their answers compared.
 */
#include <stdarg.h>

#include "campaign.h"
#include "dcm/charset.h"

enum { FEW = 6, ONE_IN = 16 }; /* responses looked at: so many, and then one in so many */

const char *difference_name(enum difference_kind kind)
{
    static const char *const names[] = {"same",    "refusal", "status", "failure",
                                        "missing", "extra",   "twice",  "response"};
    return names[kind];
}

static void differs(struct difference *d, enum difference_kind kind, unsigned number,
                    const char *format, ...) PRINTF_LIKE(4, 5);
static void differs(struct difference *d, enum difference_kind kind, unsigned number,
                    const char *format, ...)
{
    va_list args;
    if (d->kind != SAME)
        return;
    d->kind = kind;
    d->number = number;
    va_start(args, format);
    vsnprintf(d->text, sizeof(d->text), format, args);
    va_end(args);
}

/* ---- responses ---- */

static struct span without_padding(struct span s)
{
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\0'))
        s.len--;
    return s;
}

/* Whether the trees say the same; else where they do not. */
static bool is_same_tree(const struct dcm_item *a, const struct dcm_item *b, bool has_vrs,
                         char where[64])
{
    const struct dcm_element *x = a->first, *y = b->first;
    for (; x || y; x = x->next, y = y->next) {
        if (!x || !y || x->tag != y->tag) {
            bool is_extra = !x || (y && y->tag < x->tag);
            snprintf(where, 64, "%08X %s", (unsigned)(is_extra ? y : x)->tag,
                     is_extra ? "should not be there" : "is not there");
            return false;
        }
        snprintf(where, 64, "%08X", (unsigned)x->tag);
        if ((has_vrs && strcmp(x->vr, y->vr) != 0) || x->item_count != y->item_count ||
            !span_equal(without_padding(x->value), without_padding(y->value)))
            return false;
        const struct dcm_item *i = x->items, *k = y->items;
        for (; i && k; i = i->next, k = k->next) {
            if (!is_same_tree(i, k, has_vrs, where))
                return false;
        }
    }
    return true;
}

static void keep_text(const struct dcm_item *tree, struct buf *out)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    tree_show(tree, to);
    fclose(to);
    buf_clear(out);
    buf_add(out, text, len);
    free(text);
}

struct comparing {
    const struct stock *stock;
    const struct question *question;
    const struct dcm_ts *ts;
    const struct requester *requester;
    uint8_t *seen; /* of each object; bit 7: expected */
    unsigned rows;
    struct arena *scratch;
    struct tally *tally;
    struct difference *out;
};
enum { EXPECTED = 0x80 };

static void check_response(struct comparing *c, unsigned number, struct span octets)
{
    struct arena *arena = c->scratch;
    const char *charset = "";
    struct dcm_item *actual = NULL;
    char where[64], actual_charset[128];
    const struct dcm_item *expected =
        reference_response(c->question, &c->stock->entities[number - c->stock->first],
                           c->requester->charset, arena, &charset);

    c->tally->responses++;
    if (dcm_read(octets, c->ts, NULL, arena, &actual, NULL) != RC_OK) {
        differs(c->out, RESPONSE, number, "the response cannot be read");
        return;
    }
    const struct dcm_element *terms = dcm_find(actual, TAG_SpecificCharacterSet);
    struct span text = without_padding(terms ? terms->value : span_of("", 0));
    snprintf(actual_charset, sizeof(actual_charset), "%.*s", (int)text.len,
             text.data ? (const char *)text.data : "");
    if (dcm_tree_to_utf8(actual, NULL, arena, NULL, NULL) != RC_OK)
        differs(c->out, RESPONSE, number, "text of the response cannot be decoded");
    else if (!is_same_tree(expected, actual, c->ts->is_explicit, where))
        differs(c->out, RESPONSE, number, "%s", where);
    else if (strcmp(charset, actual_charset) != 0)
        differs(c->out, RESPONSE, number, "its set is '%s', not '%s'", actual_charset, charset);
    else
        return;
    if (c->out->kind == RESPONSE && c->out->number == number && c->out->response.len == 0) {
        struct buf *to = &c->out->response;
        char *wanted;
        keep_text(expected, to);
        wanted = arena_strndup(arena, (const char *)to->data, to->len);
        keep_text(actual, to);
        char *got = arena_strndup(arena, (const char *)to->data, to->len);
        buf_clear(to);
        buf_printf(to, "    expected %s\n    answered %s\n", wanted, got);
    }
}

static void on_row(unsigned number, struct span response, void *arg)
{
    struct comparing *c = arg;
    unsigned most = c->requester->max_matches;
    c->rows++;
    if (most && c->rows > most + 1)
        differs(c->out, EXTRA, number, "more than the limit and one");
    if (number < c->stock->first || number - c->stock->first >= c->stock->count) {
        differs(c->out, EXTRA, 0, "an object that was never stored");
        return;
    }
    uint8_t *seen = &c->seen[number - c->stock->first];
    if (!(*seen & EXPECTED))
        differs(c->out, EXTRA, number, "the reference does not match it");
    else if (*seen != EXPECTED)
        differs(c->out, TWICE, number, "matched twice");
    else if (c->stock->checks_all_responses || c->rows <= FEW || number % ONE_IN == 0)
        check_response(c, number, response);
    *seen |= 1;
}

/* ---- the whole ---- */

static bool is_offending(const struct question *q, uint32_t tag)
{
    for (unsigned i = 0; i < q->offending_count; i++) {
        if (q->offending[i] == tag)
            return true;
    }
    return false;
}

static void judge(struct comparing *c, const struct answer *a, unsigned expected)
{
    const struct question *q = c->question;
    struct difference *out = c->out;

    if (q->is_unreadable) {
        if (a->rc != RC_UNSUPPORTED)
            differs(out, REFUSAL, 0, "%s, but cannot be read", rc_name(a->rc));
        return;
    }
    if (q->offending_count > 0) {
        if (a->rc != RC_INVALID)
            differs(out, REFUSAL, 0, "%s, but %08X should be refused", rc_name(a->rc),
                    (unsigned)q->offending[0]);
        else if (!is_offending(q, a->tag))
            differs(out, REFUSAL, 0, "refused for %08X (%s) instead of %08X", (unsigned)a->tag,
                    a->text, (unsigned)q->offending[0]);
        return;
    }
    if (a->rc == RC_INVALID)
        differs(out, REFUSAL, 0, "refused for %08X: %s", (unsigned)a->tag, a->text);
    else if (a->rc != RC_OK)
        differs(out, FAILURE, 0, "%s: %s", rc_name(a->rc), a->text);
    else if (a->is_partly_supported != q->is_partly_supported)
        differs(out, STATUS, 0, "%s instead of %s", a->is_partly_supported ? "FF01" : "FF00",
                q->is_partly_supported ? "FF01" : "FF00");
    unsigned most = c->requester->max_matches;
    unsigned due =
        most && expected > most ? most + 1 : expected; /* one more says that there are more */
    for (unsigned i = 0; i < c->stock->count && c->rows < due; i++) {
        if (c->seen[i] == EXPECTED)
            differs(out, MISSING, c->stock->first + i, "the product does not match it");
    }
}

void compare(const struct stock *stock, struct subject *identifier,
             const struct requester *requester, struct arena *scratch, struct tally *tally,
             struct difference *out)
{
    struct comparing c = {.stock = stock,
                          .requester = requester,
                          .ts = identifier->ts,
                          .scratch = scratch,
                          .tally = tally,
                          .out = out};
    struct question question;
    struct answer answer;
    struct buf octets;
    unsigned expected = 0, of_model = 0;

    buf_init(&octets, 0);
    buf_clear(&out->response);
    out->kind = SAME;
    struct span span = subject_encode(identifier, scratch, &octets);
    question_read(span, identifier->ts, identifier->model, requester, scratch, &question);
    c.question = &question;
    c.seen = arena_alloc(scratch, stock->count + 1);
    bool is_refused = question.is_unreadable || question.offending_count > 0;
    for (unsigned i = 0; i < stock->count && !is_refused; i++) {
        of_model += stock->entities[i].model == question.model && !stock->entities[i].is_hidden;
        if (reference_matches(&question, &stock->entities[i])) {
            c.seen[i] = EXPECTED;
            expected++;
        }
    }
    product_ask(stock->product, identifier->model->find_uid, span, identifier->ts, requester,
                on_row, &c, &answer);
    judge(&c, &answer, expected);
    buf_fini(&octets);

    tally->identifiers++;
    tally->matches += expected;
    if (is_refused)
        tally->refused++;
    else if (expected == 0)
        tally->none++;
    else if (expected == of_model)
        tally->all++;
    else
        tally->some++;
}
