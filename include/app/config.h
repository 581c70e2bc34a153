/* SPDX-License-Identifier: Apache-2.0
 *
 * app/config: every setting once: a key in dppr.conf, an environment variable DPPR_KEY and a flag --key.
 * Later wins: default < file < environment < flag. The table in server/app/config.c is what
 * docs/configuration.md and --help are made from.
 *
 * File: --config PATH, else DPPR_CONFIG, else /etc/dppr/dppr.conf where it exists. Lines are
 * `key = value`; # begins a comment line; a value may stand in single quotes.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdio.h>

#include "core/log.h"
#include "core/tls.h"
#include "service/service.h"

#define CONFIG_DEFAULT_FILE "/etc/dppr/dppr.conf"

struct config {
    char *file;               /* the configuration file read, NULL = none */
    char *database;           /* libpq URI */
    char *standby_database;   /* "" = none */
    char *migration_database; /* "" = the same; see config_migration_database */
    char *dicom_address;
    uint16_t dicom_port;
    uint16_t dicom_tls_port;                     /* 0 = none */
    char *tls_certificate, *tls_key, *tls_trust; /* files; "" = none */
    enum tls_ask tls_client_certificate;
    bool has_session_options; /* of the database; see pg_options.session_options */
    char *http_address;
    uint16_t http_port;
    unsigned workers; /* 0 = number of processors */
    enum log_level log_level;
    enum log_format log_format;
    int64_t log_repeat_ms;  /* 0 = every line */
    int64_t drain_delay_ms; /* 0 = none */
    int64_t shutdown_grace_ms;
    unsigned max_waiting_jobs;     /* of each job pool */
    struct service_config service; /* strings borrowed from this struct */
    char *ae_title;
    char *unknown_ae_row; /* "" = none */
    char **called_titles; /* NULL-terminated */
    char *time_zone;
    char **proxy_from;
    struct network *proxies; /* the same, read */
    char **probe_addresses;
    struct network *probes; /* the same, read */
};

/* All defaults; never fails. config_fini it. */
void config_init(struct config *c);
/* argv: the flags after the command's name; what is not a setting is left in *rest (returned array of
 * borrowed strings, freed with free), as are the flags named in own (NULL-terminated, or NULL): the command has
 * an option of that name, which means something else. Every problem is named with its source: file and line, variable or
 * flag. *out is usable only after RC_OK; it must stay where it is, as service borrows from it. */
MUST_CHECK enum rc config_load(int argc, char **argv, const char *const *own, struct config *out,
                               char ***rest, int *rest_count, struct err *err);
void config_fini(struct config *c); /* a zeroed one is legal */
const char *config_migration_database(const struct config *c);

/* The table of settings as text, for --help; as Markdown, for docs/configuration.md; and the values in
 * force in the form of dppr.conf, passwords masked. */
void config_print_help(FILE *to);
void config_print_markdown(FILE *to);
/* Limits and deadlines (core/limits.h) with their settings as Markdown, for docs/operations.md. */
void config_print_limits(FILE *to);
void config_print_limit_table(enum limit_kind kind, FILE *to);
void config_print_values(const struct config *c, FILE *to);

/* A libpq URI or key=value string with its passwords replaced by ***. returned (free). */
char *config_mask_uri(const char *conninfo);

#endif
