/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection strings: parsed for libpq, and masked for people. A password must not be seen, neither in what is printed
 * of a good string nor in the message about a bad one: where the input has the word s3cr3tPW once, no message has it,
 * unless libpq itself takes it for something that is no password.
 */
#include "app/config.h"
#include "fuzz.h"
#include "pg_internal.h"

#define SECRET "s3cr3tPW"

static bool is_secret(const char *keyword)
{
    return strcmp(keyword, "password") == 0 || strcmp(keyword, "sslpassword") == 0;
}

/* Whether the word stands in a password and nowhere else. */
static bool is_hidden(const struct pg_conninfo *info)
{
    bool is_password = false;
    for (const PQconninfoOption *o = info->options; o && o->keyword; o++) {
        if (!o->val || !strstr(o->val, SECRET))
            continue;
        if (!is_secret(o->keyword))
            return false;
        is_password = true;
    }
    return is_password;
}

static void check_params(const struct pg_conninfo *info)
{
    const struct pg_candidate candidate = {"a", "192.0.2.1", "5432"};
    const char *const kinds[] = {NULL, "any"};
    for (unsigned n = 0; n < 2; n++) {
        struct pg_connect_params params;
        struct err err = {0};
        enum rc rc = pg_connect_params_init(&params, info, n ? &candidate : NULL, kinds[n], &err);
        CHECK(rc == RC_OK || err.text[0]);
        if (rc != RC_OK)
            continue;
        CHECK(params.count < MAX_CONNECT_PARAMS);
        for (unsigned i = 0; i < params.count; i++)
            CHECK(params.keywords[i] && params.values[i]);
        pg_connect_params_fini(&params);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pg_conninfo info;
    char *text = heap_text(span_of(data, size));
    const char *word = strstr(text, SECRET);
    bool is_once =
        word && !strstr(word + 1, SECRET); /* a key that comes twice: libpq forgets the first */
    pg_conninfo_init(&info, text, "fuzz", NULL);
    CHECK(info.target_count <= MAX_TARGETS);
    check_params(&info);
    if (!info.options)
        CHECK(info.why.code != RC_OK && info.why.text[0] && !strstr(info.why.text, SECRET));
    for (unsigned i = 0; i < info.target_count; i++) {
        CHECK(strlen(info.targets[i].port) < sizeof(info.targets[i].port));
        (void)pg_target_needs_resolving(&info.targets[i]);
    }

    char *masked = config_mask_uri(text);
    CHECK(masked != NULL);
    if (is_once && info.options && is_hidden(&info))
        CHECK(!strstr(masked, SECRET));
    free(masked);
    free(text);
    pg_conninfo_fini(&info);
    return 0;
}
