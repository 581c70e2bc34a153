/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr diff: how one protocol differs from another, each a stored one (its UID) or a file.
 *
 * dpp.diff compares rows, so a file is made into rows by what makes them of every received object: dpp.ingest, under a
 * UID made up for the occasion, in a transaction that is rolled back. Nobody else sees it and nothing of it stays. The
 * alternative, a second comparison of trees here, would have to agree with the one in SQL for ever.
 *
 * Exit status as diff(1): 0 the same, 1 different, 2 trouble of any kind.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "app_internal.h"
#include "catalog/ingest.h"
#include "dcm/dict.h"
#include "dcm/part10.h"

enum { STATUS_SAME = 0, STATUS_DIFFERENT = 1, STATUS_TROUBLE = 2 };
enum { FILE_SLACK_BYTES = 1 << 20, CELL_WIDTH = 48 };

/* Columns of sql_diff. */
enum { PART, ELEMENT, ATTRIBUTE, TAG, ASPECT, LEFT, RIGHT, DIFFERENCE };

static const char sql_diff[] =
    "select part, element, attribute, tag, aspect, left_value, right_value, difference\n"
    "from dpp.diff($1::text, $2::text, $3::text::numeric, $4::text::numeric)";
static const char sql_name[] = "select coalesce(p.protocol_name, ''), exists (\n"
                               "    select from dpp.dataset_warnings w where w.object_id = o.id "
                               "and w.warning like $2::text || '%')\n"
                               "from dpp.protocols p join dpp.objects o on o.id = p.object_id\n"
                               "where o.sop_instance_uid = $1::text";

struct side {
    const char *argument; /* UID or path */
    bool is_file;
    struct buf octets; /* a file's */
    char uid[65];      /* in the database; of a file for this transaction only */
    char *name;        /* of the protocol; NULL: there is none */
};

struct diff {
    const struct command *self;
    const struct config *config;
    struct pg_sync *database;
    const char *relative, *absolute;
    bool is_json, is_wide, no_color;
    struct side sides[2];
};

/* ---- files ---- */

static enum rc name_file(const char *path, enum rc rc, struct err *err)
{
    struct err cause = *err;
    if (strstr(cause.text, path))
        return rc;
    return err_set(err, rc, "%.100s: %.140s", path, cause.text[0] ? cause.text : rc_name(rc));
}

/* The only data set of a DICOM JSON file, encoded. */
static enum rc encode_json(struct diff *d, const char *path, struct span text, struct buf *out,
                           struct err *err)
{
    struct span object, more;
    struct err ignored;
    size_t pos = 0;
    char note[256];
    enum rc rc = jsonset_next(text, &pos, &object, err);

    if (rc == RC_NOTFOUND)
        return err_set(err, RC_INVALID, "has no data set");
    if (rc == RC_OK && jsonset_next(text, &pos, &more, &ignored) != RC_NOTFOUND)
        return err_set(err, RC_INVALID, "has more than one data set; put each into its own file");
    if (rc == RC_OK)
        rc = jsonset_encode(object, &d->config->service.dataset_limits, out, note, err);
    if (rc == RC_OK && note[0])
        command_error(d->self, "note: %s: %s", path, note);
    return rc;
}

/* The file's data set as a prepared ingest. */
static enum rc prepare_file(struct diff *d, struct side *side, struct ingest_prepared **out,
                            struct err *err)
{
    size_t limit = d->config->service.dataset_limits.max_bytes;
    struct ingest_input input = {.source = "import"};
    struct part10 part;
    /* JSON takes more room than the data set it says: four characters for three octets, and names. */
    enum rc rc = files_read(side->argument, limit * 2 + FILE_SLACK_BYTES, &side->octets, err);

    if (rc == RC_OK && jsonset_is_json(buf_span(&side->octets))) {
        struct buf encoded = {0};
        rc = encode_json(d, side->argument, buf_span(&side->octets), &encoded, err);
        buf_fini(&side->octets);
        side->octets = encoded;
        input.octets = buf_span(&side->octets);
        input.ts = dcm_ts_find(UID_EXPLICIT_LE);
    } else if (rc == RC_OK) {
        rc = part10_read(buf_span(&side->octets), &part, err);
        input.octets = part.dataset;
        input.ts = part.ts;
    }
    if (rc == RC_OK)
        rc = ingest_prepare(&input, &d->config->service.dataset_limits, out, err);
    return rc == RC_OK ? RC_OK : name_file(side->argument, rc, err);
}

static enum rc write_rows(struct diff *d, struct side *side, const struct ingest_prepared *p,
                          struct err *err)
{
    struct pg_param params[INGEST_PARAMS];
    struct pg_table *t = NULL;
    unsigned long long random;
    unsigned count = ingest_params(p, params);

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_set(err, RC_IO, "no random number: %s", strerror(errno));
    snprintf(side->uid, sizeof(side->uid), "2.25.%llu", random);
    params[0] = pg_text(side->uid);
    enum rc rc = pg_sync_query(d->database, ingest_sql(p), params, count, &t, err);
    if (rc == RC_OK && strcmp(pg_table_get(t, 0, 0), "stored") != 0)
        rc = err_set(err, RC_CONFLICT, "the made-up UID %s is taken; try again", side->uid);
    pg_table_free(t);
    if (strcmp(err->sqlstate, "42501") == 0) /* insufficient_privilege */
        err_set(err, rc, "to compare a file needs the rights of dppr_admin");
    return rc;
}

/* ---- the comparison ---- */

static enum rc prepare_side(struct diff *d, struct side *side, struct err *err)
{
    struct ingest_prepared *p = NULL;
    struct pg_table *t = NULL;
    enum rc rc = RC_OK;

    if (side->is_file) {
        rc = prepare_file(d, side, &p, err);
        if (rc == RC_OK)
            rc = write_rows(d, side, p, err);
        ingest_prepared_free(p);
    } else {
        snprintf(side->uid, sizeof(side->uid), "%s", side->argument);
    }
    struct pg_param params[] = {pg_text(side->uid), pg_text(INGEST_LOSSY)};
    if (rc == RC_OK)
        rc = pg_sync_query(d->database, sql_name, params, 2, &t, err);
    if (rc == RC_OK && pg_table_rows(t) > 0)
        side->name = xstrdup(pg_table_get(t, 0, 0));
    else if (rc == RC_OK && side->is_file)
        rc = err_set(err, RC_INVALID, "%.160s: is no Defined Procedure Protocol", side->argument);
    if (side->name && strcmp(pg_table_get(t, 0, 1), "t") == 0)
        command_error(d->self, "note: %s: " INGEST_LOSSY " and are not compared", side->argument);
    pg_table_free(t);
    return rc; /* a UID without a protocol: dpp.diff says what it is instead */
}

static enum rc compare(struct diff *d, struct pg_table **out, struct err *err)
{
    bool has_file = d->sides[0].is_file || d->sides[1].is_file;
    /* One snapshot; and without a file a standby will do. */
    enum rc rc = pg_sync_script(d->database,
                                has_file ? "begin isolation level repeatable read read write"
                                         : "begin isolation level repeatable read read only",
                                err);

    if (rc == RC_DB && has_file) { /* a standby */
        struct err cause = *err;
        err_set(err, rc, "to compare a file needs a database that can be written (%.160s)",
                cause.text);
    }
    for (int i = 0; i < 2 && rc == RC_OK; i++)
        rc = prepare_side(d, &d->sides[i], err);
    struct pg_param params[] = {pg_text(d->sides[0].uid), pg_text(d->sides[1].uid),
                                pg_text(d->relative), pg_text(d->absolute)};
    if (rc == RC_OK)
        rc = pg_sync_query(d->database, sql_diff, params, 4, out, err);
    struct err ignored; /* what is not rolled back here goes with the connection */
    if (pg_sync_script(d->database, "rollback", &ignored) != RC_OK)
        log_debug(NULL, "diff.rollback_failed", "reason=\"%s\"", ignored.text);
    return rc;
}

/* ---- output ---- */

static const char *cell(const struct pg_table *t, unsigned row, unsigned column)
{
    const char *text = pg_table_get(t, row, column);
    return text ? text : "";
}

/* A tag with the item number that may follow it, by its keyword. */
static void add_tag(struct buf *out, const char *text, size_t len)
{
    struct dcm_dict_entry entry;
    char tag[9] = "", *end;

    if (len >= 8)
        memcpy(tag, text, 8);
    uint32_t value = (uint32_t)strtoul(tag, &end, 16);
    if (end == tag + 8 && dcm_dict_by_tag(value, &entry)) {
        buf_add_str(out, entry.keyword);
        text += 8;
        len -= 8;
    }
    show_text(out, span_of(text, len));
}

static bool is_tag(const char *text)
{
    return strlen(text) == 8 && strspn(text, "0123456789ABCDEF") == 8;
}

/* What of the attribute, and in which sequences, without that of the element itself:
 * "KVP: default in CTXRayDetailsSequence[1]". Where SQL knows no keyword the dictionary may. */
static void add_attribute(struct buf *out, const struct pg_table *t, unsigned row)
{
    static const char *const elements[] = {"00189920.", "00189934.", "00189936."};
    const char *path = cell(t, row, TAG), *attribute = cell(t, row, ATTRIBUTE);
    const char *aspect = cell(t, row, ASPECT), *end = strrchr(path, '.');
    const char *tag = end ? end + 1 : path, *joint = " in ";

    if (strcmp(attribute, tag) == 0)
        add_tag(out, tag, strlen(tag));
    else
        show_text(out, span_str(attribute));
    if (*aspect && strcmp(aspect, "value") != 0) {
        buf_add_str(out, ": ");
        if (is_tag(aspect))
            add_tag(out, aspect, 8);
        else
            show_text(out, span_str(aspect));
    }
    for (unsigned i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        if (strncmp(path, elements[i], strlen(elements[i])) == 0)
            path += strlen(elements[i]);
    }
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        buf_add_str(out, joint);
        joint = ".";
        add_tag(out, path, (size_t)(dot - path));
    }
}

static bool wants_color(const struct diff *d)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */
    return !d->no_color && !(no_color && *no_color) && isatty(STDOUT_FILENO);
}

static const struct mark {
    const char *difference, *sign, *color;
} marks[] = {
    {"changed", "~", "\033[33m"},
    {"added", "+", "\033[32m"},
    {"removed", "-", "\033[31m"},
};

static const struct mark *mark_of(const char *difference)
{
    for (unsigned i = 1; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (strcmp(marks[i].difference, difference) == 0)
            return &marks[i];
    }
    return &marks[0];
}

static void print_side(const struct side *side, const char *sign, const char *color)
{
    struct buf name = {0};

    show_text(&name, span_str(side->argument));
    if (side->name && *side->name) {
        buf_add_str(&name, "  ");
        show_text(&name, span_str(side->name));
    }
    printf("%s%s %s%s\n", color ? color : "", sign, buf_cstr(&name), color ? "\033[0m" : "");
    buf_fini(&name);
}

static void print_table(const struct diff *d, const struct pg_table *t)
{
    static const char *const titles[] = {"", "PART", "ELEMENT", "ATTRIBUTE", "LEFT", "RIGHT"};
    static const int shown[] = {-1, PART, ELEMENT, ATTRIBUTE, LEFT, RIGHT};
    enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };
    bool has_color = wants_color(d);
    struct table *table = table_new(stdout, titles, COLUMNS, d->is_wide ? 0 : CELL_WIDTH);
    struct buf texts[COLUMNS] = {{0}};
    const char *cells[COLUMNS];

    print_side(&d->sides[0], "---", has_color ? mark_of("removed")->color : NULL);
    print_side(&d->sides[1], "+++", has_color ? mark_of("added")->color : NULL);
    for (unsigned row = 0; row < pg_table_rows(t); row++) {
        const struct mark *mark = mark_of(cell(t, row, DIFFERENCE));
        for (unsigned i = 0; i < COLUMNS; i++) {
            buf_clear(&texts[i]);
            if (i == 0)
                buf_add_str(&texts[i], mark->sign);
            else if (shown[i] == ATTRIBUTE)
                add_attribute(&texts[i], t, row);
            else
                show_text(&texts[i], span_str(cell(t, row, (unsigned)shown[i])));
            cells[i] = buf_cstr(&texts[i]);
        }
        table_row_colored(table, cells, has_color ? mark->color : NULL);
    }
    table_end(table);
    for (unsigned i = 0; i < COLUMNS; i++)
        buf_fini(&texts[i]);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
    if (value)
        show_json_string(out, value);
    else
        buf_add_str(out, "null");
}

static void print_json(const struct diff *d, const struct pg_table *t)
{
    static const char *const names[] = {"part",   "element", "attribute", "tag",
                                        "aspect", "left",    "right",     "difference"};
    struct buf out = {0};

    buf_add_str(&out, "{");
    for (int i = 0; i < 2; i++) {
        const struct side *side = &d->sides[i];
        buf_printf(&out, "%s\"%s\":{", i ? "," : "", i ? "right" : "left");
        add_member(&out, side->is_file ? "file" : "uid", side->argument);
        add_member(&out, "name", side->name);
        buf_add_str(&out, "}");
    }
    buf_add_str(&out, ",\"differences\":[");
    for (unsigned row = 0; row < pg_table_rows(t); row++) {
        buf_add_str(&out, row ? ",\n{" : "\n{");
        for (unsigned i = PART; i <= DIFFERENCE; i++) {
            const char *value = pg_table_get(t, row, i);
            struct buf keyword = {0};
            if (i == ATTRIBUTE && strcmp(cell(t, row, TAG), cell(t, row, ATTRIBUTE)) == 0) {
                add_tag(&keyword, value, strlen(value));
                value = buf_cstr(&keyword);
            }
            add_member(&out, names[i], value);
            buf_fini(&keyword);
        }
        buf_add_str(&out, "}");
    }
    buf_add_str(&out, "]}\n");
    fputs(buf_cstr(&out), stdout);
    buf_fini(&out);
}

static int show(const struct diff *d, const struct pg_table *t)
{
    unsigned rows = pg_table_rows(t);

    if (d->is_json)
        print_json(d, t);
    else if (rows > 0)
        print_table(d, t);
    fflush(stdout);
    if (!d->is_json)
        fprintf(stderr, "%u difference%s\n", rows, rows == 1 ? "" : "s");
    return rows > 0 ? STATUS_DIFFERENT : STATUS_SAME;
}

static int diff(struct diff *d)
{
    struct pg_table *t = NULL;
    struct err err = {0};
    int status = STATUS_TROUBLE;
    enum rc rc = dcm_init(&err);

    if (rc == RC_OK)
        rc = database_open(d->config->database, &d->database, &err);
    if (rc == RC_OK)
        rc = compare(d, &t, &err);
    if (rc == RC_OK)
        status = show(d, t);
    else
        command_error(d->self, "%s%s", err.text,
                      strcmp(err.sqlstate, "P0002") == 0 /* no_data_found */
                          ? "; 'dppr find' lists the published ones, a file is named by its path"
                          : "");
    pg_table_free(t);
    return status;
}

static bool is_tolerance(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return *text && strspn(text, "0123456789.eE+-") == strlen(text) && !*end && value >= 0 &&
           isfinite(value);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct diff d = {.self = self, .relative = "1e-12", .absolute = "0"};
    const struct cli_option options[] = {
        {"relative", 'r', CLI_TEXT, &d.relative, "NUMBER",
         "numbers may differ by this part of the larger (1e-12)", 0, 0},
        {"absolute", 0, CLI_TEXT, &d.absolute, "NUMBER",
         "numbers may differ by so much, in the unit of the left one (0)", 0, 0},
        {"json", 0, CLI_FLAG, &d.is_json, NULL, "print the differences as JSON", 0, 0},
        {"wide", 'w', CLI_FLAG, &d.is_wide, NULL, "do not cut long cells", 0, 0},
        {"no-color", 0, CLI_FLAG, &d.no_color, NULL,
         "no colours, as with NO_COLOR; none either where the output is no terminal", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count != 2)
        status = command_usage_error(self, "name two protocols, each by its UID or a file");
    if (status == CLI_GO && !is_tolerance(d.relative))
        status = command_usage_error(self, "--relative: '%s' is no number from 0", d.relative);
    if (status == CLI_GO && !is_tolerance(d.absolute))
        status = command_usage_error(self, "--absolute: '%s' is no number from 0", d.absolute);
    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        d.config = &cli.config;
        for (int i = 0; i < 2; i++) {
            d.sides[i].argument = cli.args[i];
            d.sides[i].is_file = !dcm_uid_is_valid(cli.args[i]);
        }
        status = diff(&d);
    }
    for (int i = 0; i < 2; i++) {
        buf_fini(&d.sides[i].octets);
        free(d.sides[i].name);
    }
    pg_sync_free(d.database);
    cli_fini(&cli);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "compare two protocols, stored ones or files",
    .usage = "A B [OPTION]... [SETTING]...",
    .text =
        "Prints how protocol B differs from protocol A, one line an attribute or parameter: ~\n"
        "changed, + only B has it, - only A has it. A and B are SOP Instance UIDs of stored\n"
        "protocols, whatever their state, or files: DICOM files, bare data sets, DICOM JSON with\n"
        "one data set (./1.2.3 for one that is named like a UID). Elements are aligned by name,\n"
        "else content, else number; parameters by what they constrain; numbers are compared in\n"
        "one unit (100 mA is 0.1 A). See dpp.diff in docs/schema.md.\n"
        "A file is not stored: its rows are rolled back. That needs the rights of dppr_admin,\n"
        "stored protocols those of dppr_reader.\n"
        "Exit status as that of diff: 0 the same, 1 different, 2 trouble.\n\n"
        "Examples:\n"
        "  dppr diff 2.25.1234 2.25.5678\n"
        "  dppr diff 2.25.1234 from-scanner.dcm --relative 0.01\n"
        "  dppr diff --json before.json after.json",
    .has_settings = true,
    .trouble = STATUS_TROUBLE,
    .run = run,
};
