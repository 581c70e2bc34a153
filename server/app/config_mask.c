/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection string for people: its passwords replaced by ***.
 *
 * Both forms are read as libpq reads them (fe-connect.c), not by looking for a word: `password` may be followed by
 * any white space, its value may be quoted or have escaped blanks, and the keys of a URI's query may be
 * percent-encoded. What libpq would refuse is masked too, and rather too much of it than too little: a
 * password with an unescaped '@', '/' or '?' up to the last '@' that can end it, and a string without pairs
 * from there to its end, as it may be a password by itself.
 */
#include "app/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app_internal.h"
#include "core/arena.h"

#define SPACES " \t\n\v\f\r"
#define MASK   "***"

static bool is_secret(const char *key, size_t len)
{
    static const char *const secrets[] = {"password", "sslpassword"};

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (len == strlen(secrets[i]) && strncasecmp(key, secrets[i], len) == 0)
            return true;
    }
    return false;
}

/* ---- key=value ----------------------------------------------------------------------------------- */

/* The end of the value that begins at p: quoted, or up to white space; a backslash takes the next character. */
static const char *value_end(const char *p)
{
    bool is_quoted = *p == '\'';

    for (p += is_quoted; *p; p++) {
        if (is_quoted ? *p == '\'' : strchr(SPACES, *p) != NULL)
            return p + is_quoted;
        if (*p == '\\' && p[1])
            p++;
    }
    return p;
}

static void mask_pairs(const char *p, struct buf *out)
{
    for (;;) {
        size_t gap = strspn(p, SPACES);
        buf_add(out, p, gap);
        p += gap;
        if (!*p)
            return;
        size_t key_len = strcspn(p, "=" SPACES);
        size_t head = key_len + strspn(p + key_len, SPACES);
        if (p[head] != '=') {
            buf_add_str(out, MASK);
            return;
        }
        head++;
        head += strspn(p + head, SPACES);
        const char *end = value_end(p + head);
        if (is_secret(p, key_len)) {
            buf_add(out, p, head);
            buf_add_str(out, MASK);
            if (*end && !strchr(SPACES, *end)) /* a quote may be followed by the next key at once */
                buf_add_u8(out, ' ');
        } else {
            buf_add(out, p, (size_t)(end - p));
        }
        p = end;
    }
}

/* ---- URI ----------------------------------------------------------------------------------------- */

/* A key of the query, which may be percent-encoded. */
static bool is_secret_encoded(const char *key, size_t len)
{
    char plain[16];
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = key[i];
        if (c == '%' && len - i > 2 && isxdigit((unsigned char)key[i + 1]) &&
            isxdigit((unsigned char)key[i + 2])) {
            char digits[3] = {key[i + 1], key[i + 2], '\0'};
            c = (char)strtol(digits, NULL, 16);
            i += 2;
        }
        if (n == sizeof(plain))
            return false;
        plain[n++] = c;
    }
    return is_secret(plain, n);
}

/* The '@' behind "user:password"; NULL = there is none. For libpq it is the first '@', if no '/' comes before. */
static const char *userinfo_end(const char *authority)
{
    const char *first = authority + strcspn(authority, "@/");
    const char *from = *first == '@' ? first : authority;
    const char *at = memrchr(from, '@', strcspn(from, "?"));
    size_t host_len = strcspn(authority, ":/?");

    if (at || authority[host_len] != ':' || *authority == '[')
        return at;
    /* "u:a/b?c@h" looks like a host with a port and a query; a port is a number. */
    const char *port = authority + host_len + 1;
    size_t digits = strspn(port, "0123456789");
    return port[digits] && strchr("/?", port[digits]) ? NULL : strrchr(port, '@');
}

static void mask_query(const char *p, struct buf *out)
{
    while (*p) {
        size_t len = strcspn(p, "&");
        size_t key_len = strcspn(p, "=&");
        if (p[key_len] == '=' && is_secret_encoded(p, key_len)) {
            buf_add(out, p, key_len + 1);
            buf_add_str(out, MASK);
        } else {
            buf_add(out, p, len);
        }
        p += len;
        if (*p)
            buf_add_u8(out, (uint8_t)*p++);
    }
}

static void mask_uri(const char *uri, const char *authority, struct buf *out)
{
    const char *at = userinfo_end(authority);
    const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    const char *rest = at ? at : authority;

    if (colon) {
        buf_add(out, uri, (size_t)(colon + 1 - uri));
        buf_add_str(out, MASK);
    } else {
        buf_add(out, uri, (size_t)(rest - uri));
    }
    size_t len = strcspn(rest, "?");
    len += rest[len] == '?';
    buf_add(out, rest, len);
    mask_query(rest + len, out);
}

static char *mask_once(const char *conninfo)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    const char *authority = NULL;
    struct buf out = {0};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !authority; i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(conninfo, schemes[i], len) == 0)
            authority = conninfo + len;
    }
    if (authority)
        mask_uri(conninfo, authority, &out);
    else
        mask_pairs(conninfo, &out);
    char *text = xstrdup(buf_cstr(&out));
    buf_fini(&out);
    return text;
}

/* What has been masked may have hidden where something else ends: an '@' far behind ends a password once a '/' in
 * another one is gone. So what comes out is read once more, until nothing changes. */
char *config_mask_uri(const char *conninfo)
{
    enum { READINGS = 8 };
    char *text = mask_once(conninfo);

    for (int i = 1; i < READINGS; i++) {
        char *again = mask_once(text);
        bool is_same = strcmp(again, text) == 0;
        free(text);
        text = again;
        if (is_same)
            break;
    }
    return text;
}
