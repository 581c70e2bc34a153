/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration files. What is accepted is printed as a file would have it and read again: the same values in force.
 */
#include "app/config.h"
#include "app_internal.h"
#include "fuzz.h"

static void print(const struct config *c, struct buf *out)
{
    for (unsigned i = 0; i < config_setting_count; i++) {
        buf_printf(out, "%s = ", config_settings[i].key);
        setting_format(&config_settings[i], c, out);
        buf_add_u8(out, '\n');
    }
    CHECK(buf_status(out) == RC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config first, second;
    struct buf text, again;
    struct err err = {0};
    config_init(&first);
    config_init(&second);
    buf_init(&text, 0);
    buf_init(&again, 0);
    enum rc rc = config_read_text(&first, span_of(data, size), "fuzz.conf", &err);
    if (rc == RC_OK) {
        print(&first, &text);
        CHECK_OK(config_read_text(&second, buf_span(&text), "again.conf", &err), &err);
        print(&second, &again);
        CHECK(span_equal(buf_span(&text), buf_span(&again)));
    } else {
        CHECK(rc == RC_INVALID && err.code == RC_INVALID);
        CHECK(strncmp(err.text, "fuzz.conf:", 10) == 0);
    }
    buf_fini(&text);
    buf_fini(&again);
    config_fini(&first);
    config_fini(&second);
    return 0;
}
