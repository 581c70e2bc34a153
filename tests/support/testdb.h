/* SPDX-License-Identifier: Apache-2.0
 *
 * A database of its own for a test, on the server that DPPR_TEST_DATABASE names. A unit test that
 * includes this header is run through tests/support/with-postgres, which starts a server if there is none.
 *
 * Header only, because the sources of tests/support are linked into the tests of layers that know no PostgreSQL.
 */
#ifndef TESTS_TESTDB_H
#define TESTS_TESTDB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "pg/sync.h"

struct testdb {
    char name[64];
    char uri[512]; /* of the new database */
};

static inline const char *testdb_server(void)
{
    const char *uri = getenv("DPPR_TEST_DATABASE");
    if (!uri || !*uri) {
        fprintf(stderr,
                "DPPR_TEST_DATABASE is not set: run this through tests/support/with-postgres\n");
        exit(1);
    }
    return uri;
}

/* One statement (or several) on a connection of its own; false and a line on stderr when it fails. */
static inline bool testdb_run(const char *uri, const char *sql)
{
    struct pg_sync *s = NULL;
    struct err err = {0};
    bool ok = pg_sync_connect(uri, "dppr-test", &s, &err) == RC_OK &&
              pg_sync_script(s, sql, &err) == RC_OK;
    if (!ok) {
        fprintf(stderr, "testdb: %s\n", err.text);
    }
    pg_sync_free(s);
    return ok;
}

/* uri with another database name: "postgresql://user@host:port/NAME?options". */
static inline void testdb_set_name(char *out, size_t size, const char *uri, const char *name)
{
    const char *authority = strstr(uri, "://");
    const char *path = authority ? strchr(authority + 3, '/') : NULL;
    const char *options = strchr(uri, '?');
    size_t head = path ? (size_t)(path - uri) : options ? (size_t)(options - uri) : strlen(uri);
    snprintf(out, size, "%.*s/%s%s", (int)head, uri, name, options ? options : "");
}

/* options: what follows `create database NAME`, NULL = UTF8 and C.UTF-8. */
static inline bool testdb_create_with(struct testdb *db, const char *tag, const char *options)
{
    static unsigned serial;
    char sql[512];
    snprintf(db->name, sizeof db->name, "test_%s_%d_%u_%llu", tag, (int)getpid(), ++serial,
             (unsigned long long)clock_now_us() % 1000000);
    testdb_set_name(db->uri, sizeof db->uri, testdb_server(), db->name);
    snprintf(sql, sizeof sql, "create database %s %s", db->name,
             options
                 ? options
                 : "encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8' template template0");
    return testdb_run(testdb_server(), sql);
}

static inline bool testdb_create(struct testdb *db, const char *tag)
{
    return testdb_create_with(db, tag, NULL);
}

static inline void testdb_drop(struct testdb *db)
{
    char sql[160];
    snprintf(sql, sizeof sql, "drop database if exists %s with (force)", db->name);
    (void)testdb_run(testdb_server(), sql);
    db->name[0] = '\0';
}

#endif
