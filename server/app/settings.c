/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGHUP: the same sources as at the start (file, environment, flags) are read again into a new snapshot. Of the
 * sources only the file can have changed. Anything wrong in it, and all stays as it was.
 *
 * A setting that needs a restart keeps the value that the server started with, in the snapshot too, so that whoever
 * reads settings finds those in force; the log names it as long as the file says something else.
 */
#include "settings.h"

#include <stdlib.h>

#include "app_internal.h"
#include "core/arena.h"

static void release(void *arg)
{
    struct settings *s = arg;

    config_fini(&s->config);
    free(s);
}

static void name(struct buf *list, const struct setting *s)
{
    buf_printf(list, "%s%s", list->len ? "," : "", s->key);
}

enum rc settings_read(int argc, char **argv, const struct config *base, const struct config *now,
                      struct settings **out, struct settings_news *news, struct err *err)
{
    struct settings *s = xcalloc(1, sizeof(*s));
    char **rest = NULL;
    int rest_count = 0;
    enum rc rc = config_load(argc, argv, NULL, &s->config, &rest, &rest_count, err);

    *news = (struct settings_news){0};
    *out = NULL;
    free(rest);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    for (unsigned i = 0; i < config_setting_count; i++) {
        const struct setting *t = &config_settings[i];
        if (!setting_needs_restart(t)) {
            if (!setting_equals(t, &s->config, now))
                name(&news->changed, t);
        } else if (!setting_equals(t, &s->config, base)) {
            name(&news->unchanged, t);
            setting_copy(t, base, &s->config);
        }
    }
    config_derive(&s->config);
    s->keeper.release = release;
    s->keeper.arg = s;
    atomic_init(&s->keeper.holders, 1);
    s->config.service.keeper = &s->keeper;
    *out = s;
    return RC_OK;
}

void settings_news_fini(struct settings_news *news)
{
    buf_fini(&news->changed);
    buf_fini(&news->unchanged);
}
