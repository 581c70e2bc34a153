/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets of a peer for a terminal and for JSON written by hand: nothing that could drive the terminal gets through, and
 * JSON is JSON.
 *
 * Input: transfer syntax, then the data set. Its octets as they are serve as text and as a name, too.
 */
#include <jansson.h>

#include "app_internal.h"
#include "dcm/charset.h"
#include "fuzz_dcm.h"

static void check_harmless(const struct buf *text)
{
    uint32_t code;
    size_t len;
    CHECK(buf_status(text) == RC_OK);
    for (size_t i = 0; i < text->len; i += len) {
        len = utf8_decode(text->data + i, text->len - i, &code);
        CHECK(len > 0 && code >= ' ' && !(code >= 0x7F && code < 0xA0));
        CHECK(code != 0x202E && code != 0x2028);
    }
}

static void check_json_string(const char *text, struct buf *out)
{
    json_error_t error;
    buf_clear(out);
    show_json_string(out, text);
    json_t *value = json_loadb((const char *)out->data, out->len, JSON_DECODE_ANY, &error);
    CHECK(json_is_string(value));
    CHECK(!utf8_is_valid(span_str(text)) || strcmp(json_string_value(value), text) == 0);
    json_decref(value);
}

/* Every element of the top level, and what lies below the first item of a sequence. */
static void show_all(const struct dcm_item *item, struct buf *out)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        struct key_path path = {.tags = {e->tag}, .depth = 1};
        show_path(out, item, &path);
        check_harmless(out);
        if (!e->items || !e->items->first)
            continue;
        path.tags[path.depth++] = e->items->first->tag;
        show_path(out, item, &path);
        check_harmless(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    const struct dcm_ts *ts = fuzz_ts(feed_u8(&f));
    struct arena *arena = arena_new(FUZZ_ARENA);
    char *name = heap_text(f.rest);
    struct dcm_item *item;
    struct buf out;
    struct err err;
    bool lossy;
    fuzz_load_dictionary();
    buf_init(&out, 0);
    show_text(&out, f.rest);
    check_harmless(&out);
    check_json_string(name, &out);
    (void)text_width(name);
    if (dcm_read(f.rest, ts, &fuzz_limits, arena, &item, &err) == RC_OK &&
        dcm_tree_to_utf8(item, "ISO_IR 100", arena, &lossy, &err) == RC_OK)
        show_all(item, &out);
    buf_fini(&out);
    free(name);
    arena_free(arena);
    return 0;
}
