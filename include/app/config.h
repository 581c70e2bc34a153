/* SPDX-License-Identifier: Apache-2.0
 *
 * app/config: every setting once: a key in dppr.conf, an environment variable DPPR_KEY and a flag --key.
 * Later wins: default < file < environment < flag. The table in server/app/config.c is what
 * docs/configuration.md and --help are made from.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "core/log.h"
#include "service/service.h"

struct config {
    char *database;           /* libpq URI */
    char *migration_database; /* NULL = the same */
    char *dicom_address;
    uint16_t dicom_port;
    char *http_address;
    uint16_t http_port;
    unsigned workers; /* 0 = number of processors */
    enum log_level log_level;
    enum log_format log_format;
    int64_t shutdown_grace_ms;
    struct service_config service; /* strings borrowed from this struct */
    char *ae_title;
    char **called_titles;
};

/* argv: the flags after the command's name; what is not a setting is left in *rest (returned array of
 * borrowed strings). Every problem is named with its source: file and line, variable or flag. */
MUST_CHECK enum rc config_load(int argc, char **argv, struct config *out, char ***rest, int *rest_count,
                               struct err *err);
void config_fini(struct config *c);
/* The table of settings as text, for --help; as Markdown, for docs/configuration.md. */
void config_print_help(void);
void config_print_markdown(void);

#endif
