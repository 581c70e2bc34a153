/* SPDX-License-Identifier: Apache-2.0
 *
 * The DICOM conformance statement: a text with gaps (conformance.in.md, compiled in), and what fills them.
 *
 * What the server's own tables say (SOP classes, transfer syntaxes, keys, statuses, character sets, limits, the
 * defaults of settings) is never written by hand: a marker {{name argument}} in the text stands for it and is
 * replaced here. So the statement of a binary is that of its code. docs/conformance.md is the same text; a test
 * compares the two. Prose says what no table can, each thing in one place.
 *
 *     {{keys protocol}}     whole lines, alone on its own
 *     {{setting max-pdu}}   within a line: the name of a setting and its default
 */
#include "conformance.h"

#include <string.h>

#include "app_internal.h"
#include "dcm/uids.h"

static bool write_version(struct conformance *c, const char *arg)
{
    fputs(DPPR_VERSION, c->to);
    return !*arg;
}

static bool write_implementation(struct conformance *c, const char *arg)
{
    bool is_uid = strcmp(arg, "uid") == 0;

    fputs(is_uid ? UID_DPPR_IMPLEMENTATION : DPPR_IMPLEMENTATION_VERSION, c->to);
    return is_uid || strcmp(arg, "version") == 0;
}

static bool write_setting(struct conformance *c, const char *arg)
{
    const struct setting *s = setting_find(arg, strlen(arg));
    struct buf value = {0};

    if (!s)
        return false;
    setting_format(s, &c->config, &value);
    fprintf(c->to, "`%s` (%s)", s->key, value.len ? buf_cstr(&value) : "none");
    buf_fini(&value);
    return true;
}

/* What the client commands do where nothing else is said. */
static bool write_client(struct conformance *c, const char *arg)
{
    const struct peer_args p = PEER_ARGS_DEFAULT;

    if (strcmp(arg, "aet") == 0)
        return fputs(p.aet, c->to) >= 0;
    if (strcmp(arg, "aec") == 0)
        return fputs(p.aec, c->to) >= 0;
    if (strcmp(arg, "timeout") == 0)
        return fprintf(c->to, "%ld", p.timeout_s) > 0;
    if (strcmp(arg, "max-pdu") == 0)
        return fprintf(c->to, "%u", (unsigned)assoc_options_default().max_pdu_bytes) > 0;
    return false;
}

static bool write_limits(struct conformance *c, const char *arg)
{
    for (enum limit_kind kind = LIMIT_KIND_LIMIT; kind <= LIMIT_KIND_DEADLINE; kind++) {
        if (strcmp(arg, limit_kind_name(kind)) == 0) {
            config_print_limit_table(kind, c->to);
            return true;
        }
    }
    return false;
}

static const struct marker {
    const char *name;
    bool (*write)(struct conformance *c, const char *arg); /* false: arg means nothing */
} markers[] = {
    {"version", write_version},
    {"implementation", write_implementation},
    {"setting", write_setting},
    {"client", write_client},
    {"limits", write_limits},
    {"services", conformance_services},
    {"contexts", conformance_contexts},
    {"rejections", conformance_rejections},
    {"transfer-syntaxes", conformance_transfer_syntaxes},
    {"extended", conformance_extended},
    {"keys", conformance_keys},
    {"client-keys", conformance_client_keys},
    {"statuses", conformance_statuses},
    {"charsets", conformance_charsets},
};

/* text: what stands between the braces. */
static enum rc replace(struct conformance *c, struct span text, struct err *err)
{
    char name[64];
    bool is_written = false;

    snprintf(name, sizeof(name), "%.*s", (int)text.len, (const char *)text.data);
    char *arg = name + strcspn(name, " ");
    if (*arg)
        *arg++ = '\0';
    for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]) && !is_written; i++)
        is_written = strcmp(markers[i].name, name) == 0 && markers[i].write(c, arg);
    if (!is_written)
        return err_set(err, RC_INVALID, "{{%.*s}} stands for nothing", (int)text.len,
                       (const char *)text.data);
    return RC_OK;
}

enum rc conformance_write(const char *text, FILE *to, struct err *err)
{
    struct conformance c = {.to = to};
    enum rc rc = RC_OK;
    const char *open, *close;

    config_init(&c.config);
    while (rc == RC_OK && (open = strstr(text, "{{")) && (close = strstr(open, "}}"))) {
        bool is_line = (open == text || open[-1] == '\n') && close[2] == '\n';
        fwrite(text, 1, (size_t)(open - text), to);
        rc = replace(&c, span_of(open + 2, (size_t)(close - open) - 2), err);
        text = close + (is_line ? 3 : 2);
    }
    fputs(text, to);
    config_fini(&c.config);
    return rc;
}
