/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources of settings (file, environment, flags) and how settings are printed. See config.c for the
 * table. The file is an operator's, yet read as if it were not: bounded, checked for NUL and broken
 * lines, each key once.
 */
#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_internal.h"
#include "core/arena.h"
#include "core/network.h"

enum { MAX_FILE_BYTES = 1 << 20, MAX_LINE_BYTES = 8192 };

/* ---- file ---------------------------------------------------------------------------------------- */

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && strchr(" \t\r", s.data[s.len - 1]) && s.data[s.len - 1])
        s.len--;
    return s;
}

/* One `key = value`; message without its source. */
static enum rc read_line(struct config *c, struct span line, bool *seen, const char **key,
                         struct err *err)
{
    const uint8_t *equals = memchr(line.data, '=', line.len);
    char value[MAX_LINE_BYTES + 1];

    *key = NULL;
    if (memchr(line.data, 0, line.len))
        return err_set(err, RC_INVALID, "holds a NUL character");
    if (!equals)
        return err_set(err, RC_INVALID, "is not of the form: key = value");
    struct span k = trim(span_of(line.data, (size_t)(equals - line.data)));
    struct span v = trim(span_of(equals + 1, line.len - (size_t)(equals + 1 - line.data)));
    const struct setting *s = setting_find((const char *)k.data, k.len);
    if (!s)
        return err_set(err, RC_INVALID, "unknown setting '%.*s'", k.len > 64 ? 64 : (int)k.len,
                       (const char *)k.data);
    *key = s->key;
    if (seen[s - config_settings])
        return err_set(err, RC_INVALID, "is set twice in this file");
    seen[s - config_settings] = true;
    if (v.len >= 2 && v.data[0] == '\'' && v.data[v.len - 1] == '\'')
        v = span_of(v.data + 1, v.len - 2);
    memcpy(value, v.data, v.len);
    value[v.len] = '\0';
    enum rc rc = setting_set(s, c, value, err);
    explicit_bzero(value, sizeof(value));
    return rc;
}

enum rc config_read_text(struct config *c, struct span text, const char *name, struct err *err)
{
    bool *seen = xcalloc(config_setting_count, sizeof(*seen));
    unsigned number = 0;
    enum rc rc = RC_OK;

    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
        text = span_of(text.data + 3, text.len - 3);
    while (rc == RC_OK && text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        struct span line = trim(span_of(text.data, len));
        struct err why = {0};
        const char *key = NULL;

        number++;
        text = span_of(text.data + len, text.len - len);
        if (end)
            text = span_of(text.data + 1, text.len - 1);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        if (line.len > MAX_LINE_BYTES)
            rc = err_set(&why, RC_INVALID, "is longer than %d characters", MAX_LINE_BYTES);
        else
            rc = read_line(c, line, seen, &key, &why);
        if (rc != RC_OK)
            err_set(err, rc, "%s:%u: %s%s%.160s", name, number, key ? key : "", key ? ": " : "",
                    why.text);
    }
    free(seen);
    return rc;
}

static enum rc read_file(struct config *c, const char *path, bool must_exist, struct err *err)
{
    struct buf text = {0};
    enum rc rc;

    if (!must_exist && access(path, F_OK) != 0)
        return RC_OK;
    rc = files_read(path, MAX_FILE_BYTES, &text, err);
    if (rc == RC_OK) {
        rc = config_read_text(c, buf_span(&text), path, err);
        c->file = xstrdup(path);
    }
    if (text.data)
        explicit_bzero(text.data, text.len);
    buf_fini(&text);
    return rc;
}

/* ---- environment --------------------------------------------------------------------------------- */

static void variable_name(const struct setting *s, char out[80])
{
    size_t n = (size_t)snprintf(out, 80, "DPPR_%s", s->key);

    for (size_t i = 5; i < n; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static enum rc read_environment(struct config *c, struct err *err)
{
    char name[80];
    struct err why;

    for (unsigned i = 0; i < config_setting_count; i++) {
        variable_name(&config_settings[i], name);
        const char *value = getenv(name);
        if (value && setting_set(&config_settings[i], c, value, &why) != RC_OK)
            return err_set(err, RC_INVALID, "environment variable %s: %.200s", name, why.text);
    }
    return RC_OK;
}

/* ---- flags --------------------------------------------------------------------------------------- */

/* What a flag means: --key VALUE, --key=VALUE, --switch, --no-switch. */
struct flag {
    const struct setting *setting; /* NULL = not ours */
    const char *value;             /* NULL = the next argument */
};

static struct flag parse_flag(const char *arg)
{
    struct flag f = {0};

    if (strncmp(arg, "--", 2) != 0)
        return f;
    arg += 2;
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    f.setting = setting_find(arg, len);
    if (equals) {
        f.value = equals + 1;
    } else if (f.setting && f.setting->type == SETTING_BOOL) {
        f.value = "yes";
    } else if (!f.setting && strncmp(arg, "no-", 3) == 0) {
        f.setting = setting_find(arg + 3, len - 3);
        f.value = "no";
        if (f.setting && f.setting->type != SETTING_BOOL)
            f.setting = NULL;
    }
    return f;
}

static bool is_own(const struct setting *s, const char *const *own)
{
    for (; own && *own; own++) {
        if (strcmp(*own, s->key) == 0)
            return true;
    }
    return false;
}

/* Sets flags in force (c not NULL) and collects what is none of ours; also finds --config. */
static enum rc read_flags(int argc, char **argv, const char *const *own, struct config *c,
                          const char **file, char **rest, int *rest_count, struct err *err)
{
    struct err why;
    int n = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) { /* kept, so that the command sees it too */
            while (i < argc)
                rest[n++] = argv[i++];
            break;
        }
        struct flag f = parse_flag(argv[i]);
        if (f.setting && is_own(f.setting, own))
            f.setting = NULL;
        bool is_file = strcmp(argv[i], "--config") == 0 || strncmp(argv[i], "--config=", 9) == 0;
        if (is_file)
            f.value = argv[i][8] == '=' ? argv[i] + 9 : NULL;
        else if (!f.setting) {
            rest[n++] = argv[i];
            continue;
        }
        const char *name = is_file ? "config" : f.setting->key;
        if (!f.value && i + 1 >= argc)
            return err_set(err, RC_INVALID, "--%s needs a value", name);
        if (!f.value)
            f.value = argv[++i];
        if (is_file)
            *file = f.value;
        else if (c && setting_set(f.setting, c, f.value, &why) != RC_OK)
            return err_set(err, RC_INVALID, "--%s: %.200s", name, why.text);
    }
    *rest_count = n;
    return RC_OK;
}

/* returned; the texts were checked when they were set. */
static struct network *read_networks(char *const *texts, unsigned *count)
{
    unsigned n = 0;

    while (texts[n])
        n++;
    struct network *list = xcalloc(n + 1, sizeof(*list));
    for (unsigned i = 0; i < n; i++)
        (void)network_parse(texts[i], &list[i]);
    *count = n;
    return list;
}

void config_derive(struct config *c)
{
    c->service.ae_title = c->ae_title;
    c->service.unknown_ae_row = c->unknown_ae_row;
    c->service.site_zone = c->time_zone;
    c->service.called_titles = (const char *const *)c->called_titles;
    c->service.database.conninfo = c->database;
    c->service.database.application_name = "dppr";
    c->service.database.session_options = c->has_session_options ? NULL : "";
    c->service.standby = c->service.database;
    c->service.standby.conninfo = *c->standby_database ? c->standby_database : NULL;
    c->service.standby.is_standby = true;
    free(c->probes);
    c->service.assoc.probe_count = 0;
    c->probes = read_networks(c->probe_addresses, &c->service.assoc.probe_count);
    c->service.assoc.probes = c->probes;
    free(c->proxies);
    c->service.assoc.proxy_count = 0;
    c->proxies = read_networks(c->proxy_from, &c->service.assoc.proxy_count);
    c->service.assoc.proxies = c->proxies;
    /* A message may not be larger than the data sets that are taken from it. */
    c->service.assoc.max_dataset_bytes = c->service.dataset_limits.max_bytes;
    c->service.query_limits.max_depth = c->service.dataset_limits.max_depth;
}

enum rc config_load(int argc, char **argv, const char *const *own, struct config *out, char ***rest,
                    int *rest_count, struct err *err)
{
    const char *path = getenv("DPPR_CONFIG");
    char **left = xcalloc((size_t)argc + 1, sizeof(*left));
    enum rc rc;

    config_init(out);
    *rest = NULL;
    *rest_count = 0;
    rc = read_flags(argc, argv, own, NULL, &path, left, rest_count, err);
    if (rc == RC_OK)
        rc = path && *path ? read_file(out, path, true, err)
                           : read_file(out, CONFIG_DEFAULT_FILE, false, err);
    if (rc == RC_OK)
        rc = read_environment(out, err);
    if (rc == RC_OK)
        rc = read_flags(argc, argv, own, out, &path, left, rest_count, err);
    if (rc != RC_OK) {
        free(left);
        *rest_count = 0;
        config_fini(out);
        return rc;
    }
    left[*rest_count] = NULL;
    *rest = left;
    config_derive(out);
    return RC_OK;
}

/* ---- printing ------------------------------------------------------------------------------------ */

static const char *value_name(const struct setting *s)
{
    static const char *const names[] = {
        [SETTING_TEXT] = "TEXT",     [SETTING_URI] = "URI",
        [SETTING_AET] = "TITLE",     [SETTING_AET_LIST] = "TITLES",
        [SETTING_PORT] = "PORT",     [SETTING_UINT] = "NUMBER",
        [SETTING_INT64] = "NUMBER",  [SETTING_SIZE] = "SIZE",
        [SETTING_SIZE32] = "SIZE",   [SETTING_NETWORK_LIST] = "NETWORKS",
        [SETTING_DURATION] = "TIME", [SETTING_BOOL] = "YES|NO",
        [SETTING_CHOICE] = "WORD",
    };

    return names[s->type];
}

void config_print_help(FILE *to)
{
    struct config c;
    struct buf text = {0};

    config_init(&c);
    fprintf(
        to,
        "Settings (flag --KEY, environment DPPR_KEY, or KEY = VALUE in the file of --config):\n");
    for (unsigned i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        buf_clear(&text);
        setting_format(s, &c, &text);
        fprintf(to, "  --%s %s\n        %s", s->key, value_name(s), s->help);
        fprintf(to, text.len ? " (%s)%s\n" : "%s%s\n", buf_cstr(&text),
                setting_needs_restart(s) ? " [restart]" : "");
    }
    fputs("[restart]: a running server keeps it; all others are read again on SIGHUP.\n", to);
    buf_fini(&text);
    config_fini(&c);
}

void config_print_markdown(FILE *to)
{
    struct config c;
    struct buf text = {0};
    char variable[80];

    config_init(&c);
    fputs("| Key and flag | Environment | Value | Default | On SIGHUP | Meaning |\n"
          "|---|---|---|---|---|---|\n",
          to);
    for (unsigned i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        buf_clear(&text);
        setting_format(s, &c, &text);
        variable_name(s, variable);
        const char *quote = text.len ? "`" : "";
        fprintf(to, "| `%s` | `%s` | %s | %s%s%s | %s | %s |\n", s->key, variable,
                s->type == SETTING_BOOL ? "yes or no" : value_name(s), quote, buf_cstr(&text),
                quote, setting_needs_restart(s) ? "restart" : "read", s->help);
    }
    buf_fini(&text);
    config_fini(&c);
}

static void print_values(const struct config *c, bool is_fixed, FILE *to)
{
    struct buf text = {0};

    for (unsigned i = 0; i < config_setting_count; i++) {
        if (setting_needs_restart(&config_settings[i]) != is_fixed)
            continue;
        buf_clear(&text);
        setting_format(&config_settings[i], c, &text);
        fprintf(to, "%s = %s\n", config_settings[i].key, buf_cstr(&text));
    }
    buf_fini(&text);
}

void config_print_values(const struct config *c, FILE *to)
{
    fputs("# A running server keeps these.\n", to);
    print_values(c, true, to);
    fputs("# These are read again on SIGHUP.\n", to);
    print_values(c, false, to);
}
