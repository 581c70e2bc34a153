/* SPDX-License-Identifier: Apache-2.0
 *
 * One row of dpp.application_entities, chosen by dpp.peer_of. What the row says is checked once more:
 * people write these rows.
 */
#include "catalog/peers.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

static const char peer_sql[] =
    "select e.ae_title, e.host, e.port, e.may_echo, e.may_find, e.may_get, e.may_move, e.may_store,"
    " e.is_destination, e.preferred_character_set, e.max_associations, e.called_as,"
    " e.max_calling_associations, e.max_operations,"
    " nullif(e.required_assertions::text, '{}'), e.sees_current_only, e.may_supersede,"
    " e.ae_class, nullif(array_to_string(e.certificates, E'\\n'), ''), e.tls, e.tls_name"
    " from dpp.peer_of($1::text, $2::inet) e limit 1";

enum {
    COLUMN_AE_TITLE,
    COLUMN_HOST,
    COLUMN_PORT,
    COLUMN_FIRST_RIGHT,
    COLUMN_CHARSET = COLUMN_FIRST_RIGHT + 6,
    COLUMN_MAX_ASSOCIATIONS,
    COLUMN_CALLED_AS,
    COLUMN_MAX_CALLING,
    COLUMN_MAX_OPERATIONS,
    COLUMN_REQUIRED,
    COLUMN_CURRENT_ONLY,
    COLUMN_MAY_SUPERSEDE,
    COLUMN_CLASS,
    COLUMN_CERTIFICATES,
    COLUMN_TLS,
    COLUMN_TLS_NAME,
};

/* What is required but cannot be kept hides everything; what binds but cannot be kept is never met. */
static const char never_met[] = PEER_NEVER_MET;

static const unsigned rights[] = {PEER_MAY_ECHO, PEER_MAY_FIND,  PEER_MAY_GET,
                                  PEER_MAY_MOVE, PEER_MAY_STORE, PEER_IS_DESTINATION};

struct peer_op {
    peer_cb cb;
    void *arg;
    struct pg_once *once;
    bool is_found;
    struct peer peer;
};

/* "" when the value is null or does not fit: half a host name is another host. */
static void copy_text(const struct pg_row *row, unsigned column, char *out, size_t size)
{
    struct span text = pg_octets(row, column);
    size_t len = text.len < size ? text.len : 0;
    if (len)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

/* null = 0 = the server's setting */
static unsigned limit_in(const struct pg_row *row, unsigned column)
{
    return pg_is_null(row, column) ? 0 : (unsigned)pg_int(row, column);
}

static void on_row(const struct pg_row *row, void *arg)
{
    struct peer_op *op = arg;
    struct peer *p = &op->peer;
    int64_t port = pg_int(row, COLUMN_PORT);
    int64_t most = pg_int(row, COLUMN_MAX_ASSOCIATIONS);

    op->is_found = true;
    copy_text(row, COLUMN_AE_TITLE, p->ae_title, sizeof(p->ae_title));
    copy_text(row, COLUMN_HOST, p->host, sizeof(p->host));
    copy_text(row, COLUMN_CHARSET, p->preferred_charset, sizeof(p->preferred_charset));
    copy_text(row, COLUMN_CALLED_AS, p->called_as, sizeof(p->called_as));
    p->port = port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
    if (p->port == 0)
        p->host[0] = '\0';
    for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
        p->rights |= pg_bool(row, COLUMN_FIRST_RIGHT + i) ? rights[i] : 0;
    p->max_calling_associations = limit_in(row, COLUMN_MAX_CALLING);
    p->max_operations = limit_in(row, COLUMN_MAX_OPERATIONS);
    copy_text(row, COLUMN_REQUIRED, p->required, sizeof(p->required));
    if (!pg_is_null(row, COLUMN_REQUIRED) && !p->required[0])
        memcpy(p->required, never_met, sizeof(never_met));
    p->sees_current_only = pg_bool(row, COLUMN_CURRENT_ONLY);
    p->may_supersede = pg_bool(row, COLUMN_MAY_SUPERSEDE);
    copy_text(row, COLUMN_CLASS, p->ae_class, sizeof(p->ae_class));
    copy_text(row, COLUMN_CERTIFICATES, p->certificates, sizeof(p->certificates));
    if (!pg_is_null(row, COLUMN_CERTIFICATES) && !p->certificates[0])
        memcpy(p->certificates, PEER_NO_CERTIFICATE, sizeof(PEER_NO_CERTIFICATE));
    p->wants_tls = pg_bool(row, COLUMN_TLS);
    copy_text(row, COLUMN_TLS_NAME, p->tls_name, sizeof(p->tls_name));
    p->max_associations = most > 0 && most <= 65535 ? (unsigned)most : 1;
}

static void on_done(const struct err *result, int64_t rows, void *arg)
{
    struct peer_op *op = arg;
    struct peer_op done = *op;
    struct err copy = *result;
    (void)rows;
    free(op);
    bool is_found = copy.code == RC_OK && done.is_found;
    done.cb(&copy, is_found, is_found ? &done.peer : NULL, done.arg);
}

/* A calling AE title is any octets; one that no row can have must not make the statement fail. */
static void clean_title(const char *title, char out[17])
{
    size_t len = 0;
    for (; len < 16 && title[len]; len++)
        out[len] = title[len] >= 0x20 && title[len] <= 0x7E ? title[len] : '\x01';
    if (title[len]) /* longer than a title can be */
        out[0] = '\x01';
    out[len] = '\0';
}

struct peer_op *peer_find(struct pg_pool *pool, int64_t timeout_ms, const char *ae_title,
                          const char *source_address, peer_cb cb, void *arg)
{
    struct peer_op *op = xcalloc(1, sizeof(*op));
    char title[17], address[64];
    op->cb = cb;
    op->arg = arg;

    clean_title(ae_title, title);
    if (source_address) { /* inet has no scope: fe80::1%eth0 */
        size_t len = strcspn(source_address, "%");
        if (len >= sizeof(address))
            len = sizeof(address) - 1;
        memcpy(address, source_address, len);
        address[len] = '\0';
    }
    struct pg_param params[] = {pg_text(title), pg_text(source_address ? address : NULL)};
    struct pg_query q = {.sql = peer_sql,
                         .params = params,
                         .param_count = 2,
                         .on_row = on_row,
                         .on_done = on_done,
                         .arg = op};
    op->once = pg_once_start(pool, timeout_ms, &q);
    return op;
}

void peer_cancel(struct peer_op *op)
{
    pg_once_cancel(op->once);
    free(op);
}
