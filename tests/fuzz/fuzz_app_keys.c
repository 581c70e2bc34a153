/* SPDX-License-Identifier: Apache-2.0
 *
 * -k arguments, one a line, into one identifier. Every path that was taken is there when the identifier has been written
 * and read, with the value that was given.
 */
#include "app_internal.h"
#include "fuzz_dcm.h"

static const struct dcm_element *at_path(const struct dcm_item *item, const struct key_path *path)
{
    const struct dcm_element *e = NULL;
    for (unsigned i = 0; i < path->depth; i++) {
        e = dcm_find(item, path->tags[i]);
        CHECK(e != NULL);
        item = e->items;
    }
    return e;
}

static void check_identifier(const struct keys *k)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct buf out;
    struct err err;
    buf_init(&out, 0);
    check_tree(k->identifier, 0);
    CHECK_OK(dcm_write(k->identifier, dcm_ts_find(UID_EXPLICIT_LE), &out, &err), &err);
    CHECK_OK(dcm_read(buf_span(&out), dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err),
             &err);
    for (unsigned i = 0; i < k->count; i++) {
        CHECK(strlen(k->paths[i].title) < sizeof(k->paths[i].title) && k->paths[i].title[0]);
        const struct dcm_element *wanted = at_path(k->identifier, &k->paths[i]);
        CHECK(is_same_value(wanted, at_path(item, &k->paths[i])));
    }
    buf_fini(&out);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    char *text = heap_text(span_of(data, size)), *rest = text, *line;
    struct keys keys;
    struct err err;
    fuzz_load_dictionary();
    keys_init(&keys, arena);
    while ((line = strsep(&rest, "\n"))) {
        char *alone = heap_text(span_str(line));
        const char *equals = strchr(alone, '=');
        unsigned before = keys.count;
        enum rc rc = keys_add(&keys, alone, &err);
        CHECK(rc == RC_OK || (rc == err.code && err.text[0] && keys.count == before));
        if (rc == RC_OK && keys.count > before && equals && equals[1]) {
            const struct dcm_element *e = at_path(keys.identifier, &keys.paths[before]);
            CHECK(span_equal_str(e->value, equals + 1));
        }
        free(alone);
    }
    check_identifier(&keys);
    keys_fini(&keys);
    free(text);
    arena_free(arena);
    return 0;
}
