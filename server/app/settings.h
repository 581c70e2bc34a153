/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of a running server that are replaced on SIGHUP; main loop only. See settings.c.
 */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include "app/config.h"

/* What was read again, as a snapshot for all threads. */
struct settings {
    struct service_keeper keeper;
    struct config config; /* its service: with what only the running server knows */
};

/* What a reading has brought: keys, separated by commas. */
struct settings_news {
    struct buf changed; /* in force from now on, against the settings before */
    struct buf
        unchanged; /* of those that need a restart: what the file says now is another than what is in force */
};

/* Reads the settings again from all sources. base: those that the server started with; now: those in force. What
 * needs a restart stays as it is in base. returned, with the caller as holder: service_config_drop. */
MUST_CHECK enum rc settings_read(int argc, char **argv, const struct config *base,
                                 const struct config *now, struct settings **out,
                                 struct settings_news *news, struct err *err);
void settings_news_fini(struct settings_news *news);

#endif
