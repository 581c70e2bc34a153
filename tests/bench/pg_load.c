/* SPDX-License-Identifier: Apache-2.0
 *
 * pg_load: how many octets libpq takes from PostgreSQL in a second.
 *
 *   pg_load DATABASE-URI SECONDS STATEMENT [FILE]
 *
 * A prepared statement, with the next line of FILE as its parameter, again and again over one connection; binary
 * results, row by row. Octets are those of all columns. Prints one JSON object.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void check(PGconn *db, const PGresult *result, ExecStatusType expected)
{
    if (PQresultStatus(result) != expected) {
        fprintf(stderr, "pg_load: %s", PQerrorMessage(db));
        exit(1);
    }
}

static char **read_lines(const char *path, size_t *count)
{
    FILE *file = fopen(path, "r");
    char **lines = NULL, *line = NULL;
    size_t room = 0;
    if (!file) {
        perror(path);
        exit(1);
    }
    for (*count = 0; getline(&line, &room, file) > 0; (*count)++) {
        line[strcspn(line, "\n")] = 0;
        lines = realloc(lines, (*count + 1) * sizeof(*lines));
        lines[*count] = strdup(line);
    }
    free(line);
    fclose(file);
    return lines;
}

int main(int argc, char **argv)
{
    size_t count = 0, rows = 0, octets = 0, statements = 0;
    if (argc < 4 || argc > 5) {
        fputs("usage: pg_load DATABASE-URI SECONDS STATEMENT [FILE]\n", stderr);
        return 2;
    }
    PGconn *db = PQconnectdb(argv[1]);
    char **lines = argc == 5 ? read_lines(argv[4], &count) : NULL;
    PGresult *result = PQprepare(db, "load", argv[3], 0, NULL);
    check(db, result, PGRES_COMMAND_OK);
    PQclear(result);
    double began = now(), seconds = atof(argv[2]), took;
    for (; (took = now() - began) < seconds; statements++) {
        const char *value = count > 0 ? lines[statements % count] : NULL;
        if (!PQsendQueryPrepared(db, "load", count > 0, &value, NULL, NULL, 1) ||
            !PQsetSingleRowMode(db))
            check(db, NULL, PGRES_TUPLES_OK);
        while ((result = PQgetResult(db))) {
            if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
                for (int column = 0; column < PQnfields(result); column++)
                    octets += (size_t)PQgetlength(result, 0, column);
                rows++;
            } else {
                check(db, result, PGRES_TUPLES_OK);
            }
            PQclear(result);
        }
    }
    printf(
        "{\"seconds\": %.3f, \"statements\": %zu, \"rows_per_s\": %.0f, \"octets_per_s\": %.0f}\n",
        took, statements, (double)rows / took, (double)octets / took);
    PQfinish(db);
    return 0;
}
