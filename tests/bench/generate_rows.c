/* SPDX-License-Identifier: Apache-2.0
 *
 * generate_rows: the rows of one table for generated protocols, as a script for psql (COPY).
 *
 *   generate_rows TABLE FIRST COUNT SEED CONSTRAINTS FIRST_ID
 *
 * TABLE "datasets" gives the encoded data sets alone, each after a line with SOP class, instance and length.
 * The protocols are numbered from FIRST on and get object ids from FIRST_ID on. As each protocol follows from its
 * number and the seed (made.h), every table can be written alone, and all at once.
 *
 * The data set is encoded here. What the server derives from it when it is stored comes from the server's own code
 * where that is C (digest, query record), and is said again here where that is SQL (the rows); test_generate
 * holds the two against each other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "catalog/record.h"
#include "dcm/convert.h"
#include "dcm/dict.h"

#include "made.h"

struct job {
    uint64_t seed;
    unsigned constraints;
    struct arena *arena;
    struct buf dataset, record, row;
};

static void fail(const char *what)
{
    fprintf(stderr, "generate_rows: %s\n", what);
    exit(1);
}

/* ---- the data set, Explicit VR Little Endian ---- */

static void put_tag(struct buf *out, uint32_t tag)
{
    buf_add_le16(out, (uint16_t)(tag >> 16));
    buf_add_le16(out, (uint16_t)tag);
}

static void put_octets(struct buf *out, uint32_t tag, const char *vr, const void *value, size_t len)
{
    put_tag(out, tag);
    buf_add(out, vr, 2);
    if (dcm_vr_has_long_length(vr)) {
        buf_add_le16(out, 0);
        buf_add_le32(out, (uint32_t)(len + len % 2));
    } else {
        buf_add_le16(out, (uint16_t)(len + len % 2));
    }
    buf_add(out, value, len);
    if (len % 2)
        buf_add_u8(out, strcmp(vr, "UI") == 0 ? 0 : ' ');
}

/* Without an attribute where there is no text. */
static void put_text(struct buf *out, uint32_t tag, const char *vr, const char *text)
{
    if (text[0])
        put_octets(out, tag, vr, text, strlen(text));
}

/* Sequences and items have explicit lengths, put in at their end. */
static size_t begin(struct buf *out, uint32_t tag)
{
    put_tag(out, tag);
    if (tag != 0xFFFEE000)
        buf_add(out, "SQ\0", 4);
    buf_add_le32(out, 0);
    return out->len;
}

static size_t begin_item(struct buf *out)
{
    return begin(out, 0xFFFEE000);
}

static void end(struct buf *out, size_t start)
{
    put_le32(out->data + start - 4, (uint32_t)(out->len - start));
}

static void put_code_item(struct buf *out, const struct made_code *c)
{
    size_t item = begin_item(out);
    put_text(out, 0x00080100, "SH", c->value);
    put_text(out, 0x00080102, "SH", c->scheme);
    put_text(out, 0x00080104, "LO", c->meaning);
    end(out, item);
}

static void put_codes(struct buf *out, uint32_t tag, const struct made_code *codes, unsigned count)
{
    size_t sequence = begin(out, tag);
    for (unsigned i = 0; i < count; i++)
        put_code_item(out, &codes[i]);
    end(out, sequence);
}

static void put_versions(struct buf *out, const struct made_model *m)
{
    char text[40];
    snprintf(text, sizeof(text), "%s\\%s", m->versions[0], m->versions[1]);
    put_text(out, 0x00181020, "LO", text);
}

static void put_models(struct buf *out, const struct made_protocol *p)
{
    size_t sequence = begin(out, 0x00189912);
    for (unsigned i = 0; i < p->model_count; i++) {
        size_t item = begin_item(out);
        put_text(out, 0x00080070, "LO", p->models[i].maker);
        put_text(out, 0x00080222, "LO", p->models[i].group);
        put_text(out, 0x00081090, "LO", p->models[i].model);
        put_versions(out, &p->models[i]);
        end(out, item);
    }
    end(out, sequence);
}

static uint32_t tag_of(const char *digits)
{
    return (uint32_t)strtoul(digits, NULL, 16);
}

static void put_attribute_tag(struct buf *out, uint32_t tag, const char *const *digits,
                              unsigned count)
{
    put_tag(out, tag);
    buf_add(out, "AT", 2);
    buf_add_le16(out, (uint16_t)(4 * count));
    for (unsigned i = 0; i < count; i++)
        put_tag(out, tag_of(digits[i]));
}

/* Selector values (PS3.3 10.26): one item with the value, or one for each of several. */
static void put_values(struct buf *out, const struct made_constraint *c)
{
    static const struct {
        const char *vr;
        uint32_t tag;
    } tags[] = {{"CS", 0x00720062}, {"IS", 0x00720064}, {"LO", 0x00720066}, {"SH", 0x0072006C},
                {"DS", 0x00720072}, {"FD", 0x00720074}, {"US", 0x0072007A}};
    size_t sequence = begin(out, 0x00820034), at = 0;
    while (strcmp(tags[at].vr, c->vr) != 0)
        at++;
    for (unsigned i = 0; i < c->value_count; i++) {
        size_t item = begin_item(out);
        double real = strtod(c->values[i], NULL);
        uint16_t whole = (uint16_t)real;
        if (strcmp(c->vr, "FD") == 0)
            put_octets(out, tags[at].tag, "FD", &real, 8);
        else if (strcmp(c->vr, "US") == 0)
            put_octets(out, tags[at].tag, "US", &whole, 2);
        else
            put_text(out, tags[at].tag, c->vr, c->values[i]);
        end(out, item);
    }
    end(out, sequence);
}

static void put_constraint(struct buf *out, const struct made_constraint *c)
{
    char items[16];
    size_t item = begin_item(out);
    if (c->unit) {
        struct made_code unit = {.scheme = "UCUM"};
        snprintf(unit.value, sizeof(unit.value), "%s", c->unit);
        snprintf(unit.meaning, sizeof(unit.meaning), "%s", c->unit_meaning);
        put_codes(out, 0x004008EA, &unit, 1);
    }
    put_attribute_tag(out, 0x00720026, &c->tag, 1);
    put_octets(out, 0x00720028, "US", "\1", 2);
    put_text(out, 0x00720050, "CS", c->vr);
    put_attribute_tag(out, 0x00720052, c->path, c->path[1] ? 2 : 1);
    snprintf(items, sizeof(items), c->path[1] ? "%u\\1" : "%u", c->element);
    put_text(out, 0x00741057, "IS", items);
    put_text(out, 0x00820018, "LO", c->name);
    put_text(out, 0x00820019, "LO", c->keyword);
    put_text(out, 0x00820032, "CS", c->type);
    put_values(out, c);
    if (c->is_fixed)
        put_text(out, 0x00820038, "CS", "NO");
    end(out, item);
}

/* The elements of a kind with their constraints. */
static void put_elements(struct buf *out, const struct job *job, uint64_t n, bool is_acquisition)
{
    size_t sequence = 0, item = 0, parameters = 0;
    for (unsigned i = 0; i < job->constraints; i++) {
        struct made_constraint c;
        made_constraint(n, job->seed, i, job->constraints, &c);
        if (c.is_acquisition != is_acquisition)
            continue;
        if (!sequence)
            sequence = begin(out, is_acquisition ? 0x0018991F : 0x00189933);
        if (c.ordinal == 1) {
            if (item) {
                end(out, parameters);
                end(out, item);
            }
            item = begin_item(out);
            parameters = begin(out, 0x00189913);
        }
        put_constraint(out, &c);
    }
    if (sequence) {
        end(out, parameters);
        end(out, item);
        end(out, sequence);
    }
}

static void put_predecessor(struct buf *out, const struct made_protocol *p)
{
    if (!p->predecessor[0])
        return;
    size_t sequence = begin(out, 0x0018990E), item = begin_item(out);
    put_text(out, 0x00081150, "UI", p->class_uid);
    put_text(out, 0x00081155, "UI", p->predecessor);
    end(out, item);
    end(out, sequence);
}

static void put_custodian(struct buf *out, const struct made_protocol *p)
{
    size_t sequence = begin(out, 0x0040A07C), item = begin_item(out);
    put_text(out, 0x00080080, "LO", p->institution);
    put_codes(out, 0x00080082, &p->institution_code, 1);
    end(out, item);
    end(out, sequence);
}

static void encode(struct job *job, const struct made_protocol *p)
{
    struct buf *out = &job->dataset;
    char reasons[2 * MADE_TEXT];
    buf_clear(out);
    put_text(out, 0x00080005, "CS", p->is_utf8 ? "ISO_IR 192" : "");
    put_text(out, 0x00080012, "DA", p->date);
    put_text(out, 0x00080013, "TM", p->time);
    put_text(out, 0x00080016, "UI", p->class_uid);
    put_text(out, 0x00080018, "UI", p->uid);
    put_text(out, 0x00080070, "LO", p->source.maker);
    put_codes(out, 0x00080220, &p->group, 1);
    put_text(out, 0x00080221, "CS", p->modality);
    put_text(out, 0x00081090, "LO", p->source.model);
    put_codes(out, 0x00082218, &p->region, 1);
    put_text(out, 0x00120010, "LO", p->sponsor);
    put_text(out, 0x00120020, "LO", p->trial);
    put_text(out, 0x00181000, "LO", p->serial);
    put_versions(out, &p->source);
    put_text(out, 0x00181030, "LO", p->name);
    put_codes(out, 0x00189906, p->scheduled, p->scheduled_count);
    put_codes(out, 0x00189907, p->requested, p->requested_count);
    snprintf(reasons, sizeof(reasons), p->reason_count > 1 ? "%s\\%s" : "%s", p->reasons[0],
             p->reasons[1]);
    put_text(out, 0x00189908, "UC", reasons);
    put_predecessor(out, p);
    put_models(out, p);
    put_elements(out, job, p->n, true);
    put_elements(out, job, p->n, false);
    put_text(out, 0x00189947, "CS", "HFS");
    put_custodian(out, p);
    put_text(out, 0x00700084, "PN", p->creator);
    if (buf_status(out) != RC_OK)
        fail("no memory");
}

/* ---- COPY ---- */

static void add_separator(struct buf *row)
{
    if (row->len && row->data[row->len - 1] != '\n')
        buf_add_u8(row, '\t');
}

static void add_field(struct buf *row, const char *text)
{
    add_separator(row);
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_str(row, "\\n");
        else if (*text == '\\')
            buf_add_str(row, "\\\\");
        else
            buf_add_u8(row, (uint8_t)*text);
    }
}

static void add_optional(struct buf *row, const char *text)
{
    add_separator(row);
    if (text && text[0])
        buf_add_str(row, text);
    else
        buf_add_str(row, "\\N");
}

static void add_number(struct buf *row, uint64_t number)
{
    add_separator(row);
    buf_printf(row, "%lu", (unsigned long)number);
}

static void add_octets(struct buf *row, struct span octets)
{
    static const char digits[] = "0123456789abcdef";
    add_field(row, "\\x");
    uint8_t *to = buf_reserve(row, 2 * octets.len);
    if (!to)
        fail("no memory");
    for (size_t i = 0; i < octets.len; i++) {
        *to++ = (uint8_t)digits[octets.data[i] >> 4];
        *to++ = (uint8_t)digits[octets.data[i] & 15];
    }
    row->len += 2 * octets.len;
}

/* No value here has a quote or a backslash in it. */
static void add_array(struct buf *row, const char *const *texts, unsigned count)
{
    add_separator(row);
    buf_add_u8(row, '{');
    for (unsigned i = 0; i < count; i++)
        buf_printf(row, i ? ",\"%s\"" : "\"%s\"", texts[i]);
    buf_add_u8(row, '}');
}

static void end_row(struct buf *row)
{
    buf_add_u8(row, '\n');
}

/* ---- the tables ---- */

static struct dcm_item *read_back(struct job *job)
{
    struct dcm_item *item = NULL;
    struct err err = {0};
    arena_reset(job->arena);
    if (dcm_read(buf_span(&job->dataset), dcm_ts_find(UID_EXPLICIT_LE), NULL, job->arena, &item,
                 &err) != RC_OK)
        fail(err.text);
    return item;
}

static void objects(struct job *job, const struct made_protocol *p, uint64_t id)
{
    char when[32];
    const char *set = p->is_utf8 ? "ISO_IR 192" : "";
    encode(job, p);
    buf_clear(&job->record);
    if (record_write(&model_protocol, read_back(job), span_str(set), &job->record, NULL) != RC_OK)
        fail("cannot write a query record");
    add_number(&job->row, id);
    add_field(&job->row, p->uid);
    add_field(&job->row, p->class_uid);
    add_field(&job->row, "published");
    add_octets(&job->row, buf_span(&job->record));
    add_optional(&job->row, set);
    add_field(&job->row, "import");
    snprintf(when, sizeof(when), "%s %.2s:%.2s:%.2s", p->date, p->time, p->time + 2, p->time + 4);
    add_field(&job->row, when);
    add_field(&job->row, when);
    end_row(&job->row);
}

static void instances(struct job *job, const struct made_protocol *p, uint64_t id)
{
    uint8_t digest[DCM_DIGEST_BYTES];
    encode(job, p);
    if (dcm_digest(read_back(job), digest, NULL) != RC_OK)
        fail("cannot digest");
    add_number(&job->row, id);
    add_field(&job->row, UID_EXPLICIT_LE);
    add_octets(&job->row, buf_span(&job->dataset));
    add_number(&job->row, job->dataset.len);
    add_octets(&job->row, span_of(digest, sizeof(digest)));
    end_row(&job->row);
}

static void protocols(struct job *job, const struct made_protocol *p, uint64_t id)
{
    struct buf *row = &job->row;
    char text[MADE_TEXT + 32];
    const char *folded = p->creator_folded;
    const char *versions[] = {p->source.versions[0], p->source.versions[1]};
    add_number(row, id);
    add_field(row, p->name);
    add_field(row, p->modality);
    add_field(row, p->creator);
    add_array(row, &folded, 1);
    snprintf(text, sizeof(text), "\n%s\n", folded);
    add_field(row, text);
    add_field(row, p->date);
    add_field(row, p->time);
    add_field(row, p->date);
    snprintf(text, sizeof(text), "%.2s:%.2s:%.2s", p->time, p->time + 2, p->time + 4);
    add_field(row, text);
    snprintf(text, sizeof(text), "%s %.2s:%.2s:%.2s", p->date, p->time, p->time + 2, p->time + 4);
    add_field(row, text);
    add_optional(row, p->sponsor);
    add_optional(row, p->trial);
    add_array(row, p->reasons, p->reason_count);
    add_field(row, "HFS");
    add_field(row, p->source.maker);
    add_field(row, p->source.model);
    add_field(row, p->serial);
    add_array(row, versions, 2);
    end_row(row);
}

static void custodians(struct job *job, const struct made_protocol *p, uint64_t id)
{
    add_number(&job->row, id);
    add_number(&job->row, 1);
    add_field(&job->row, p->institution);
    end_row(&job->row);
}

static void add_codes(struct buf *row, uint64_t id, const char *role, unsigned parent,
                      const struct made_code *codes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        add_number(row, id);
        add_field(row, role);
        add_number(row, parent);
        add_number(row, i + 1);
        add_field(row, codes[i].value);
        add_field(row, codes[i].scheme);
        add_field(row, codes[i].meaning);
        end_row(row);
    }
}

static void codes(struct job *job, const struct made_protocol *p, uint64_t id)
{
    add_codes(&job->row, id, "responsible_group", 0, &p->group, 1);
    add_codes(&job->row, id, "anatomic_region", 0, &p->region, 1);
    add_codes(&job->row, id, "scheduled_protocol", 0, p->scheduled, p->scheduled_count);
    add_codes(&job->row, id, "requested_procedure", 0, p->requested, p->requested_count);
    add_codes(&job->row, id, "custodian_institution", 1, &p->institution_code, 1);
}

static void models(struct job *job, const struct made_protocol *p, uint64_t id)
{
    for (unsigned i = 0; i < p->model_count; i++) {
        const struct made_model *m = &p->models[i];
        const char *versions[] = {m->versions[0], m->versions[1]};
        add_number(&job->row, id);
        add_number(&job->row, i + 1);
        add_field(&job->row, m->maker);
        add_optional(&job->row, m->group);
        add_field(&job->row, m->model);
        add_array(&job->row, versions, 2);
        end_row(&job->row);
    }
}

static void predecessors(struct job *job, const struct made_protocol *p, uint64_t id)
{
    if (!p->predecessor[0])
        return;
    add_number(&job->row, id);
    add_number(&job->row, 1);
    add_field(&job->row, p->class_uid);
    add_field(&job->row, p->predecessor);
    end_row(&job->row);
}

static const char *kind_of(const struct made_constraint *c)
{
    return c->is_acquisition ? "acquisition" : "reconstruction";
}

static void elements(struct job *job, const struct made_protocol *p, uint64_t id)
{
    for (unsigned i = 0; i < job->constraints; i++) {
        struct made_constraint c;
        made_constraint(p->n, job->seed, i, job->constraints, &c);
        if (c.ordinal > 1)
            continue;
        add_number(&job->row, id);
        add_field(&job->row, kind_of(&c));
        add_number(&job->row, c.element);
        end_row(&job->row);
    }
}

static void constraint_values(struct buf *row, const struct made_constraint *c)
{
    bool is_numeric = strcmp(c->vr, "DS") == 0 || strcmp(c->vr, "IS") == 0 ||
                      strcmp(c->vr, "FD") == 0 || strcmp(c->vr, "US") == 0;
    add_array(row, c->values, c->value_count);
    add_array(row, c->values, is_numeric ? c->value_count : 0);
}

static void constraints(struct job *job, const struct made_protocol *p, uint64_t id)
{
    struct buf *row = &job->row;
    for (unsigned i = 0; i < job->constraints; i++) {
        struct made_constraint c;
        made_constraint(p->n, job->seed, i, job->constraints, &c);
        add_number(row, id);
        add_field(row, kind_of(&c));
        add_number(row, c.element);
        add_number(row, c.ordinal);
        add_field(row, c.tag);
        add_field(row, c.keyword);
        add_field(row, c.name);
        add_field(row, c.vr);
        add_number(row, 1);
        add_array(row, c.path, c.path[1] ? 2 : 1);
        add_separator(row);
        buf_printf(row, c.path[1] ? "{%u,1}" : "{%u}", c.element);
        add_field(row, c.type);
        constraint_values(row, &c);
        add_optional(row, c.unit);
        add_optional(row, c.unit ? "UCUM" : NULL);
        add_optional(row, c.unit_meaning);
        add_optional(row, c.is_fixed ? "f" : NULL);
        end_row(row);
    }
}

/* No table: data sets for dimse_load to send. */
static void datasets(struct job *job, const struct made_protocol *p, uint64_t id)
{
    (void)id;
    encode(job, p);
    buf_printf(&job->row, "%s %s %zu\n", p->class_uid, p->uid, job->dataset.len);
    buf_add_span(&job->row, buf_span(&job->dataset));
}

static const struct table {
    const char *name, *columns; /* columns NULL: no COPY */
    void (*write)(struct job *job, const struct made_protocol *p, uint64_t id);
} tables[] = {
    {"objects",
     "id, sop_instance_uid, sop_class_uid, state, query_record, specific_character_set, source,"
     " created_at, published_at",
     objects},
    {"instances", "object_id, transfer_syntax_uid, dataset, size, digest", instances},
    {"protocols",
     "object_id, protocol_name, equipment_modality, content_creator_name, content_creator_folded,"
     " content_creator_search, instance_creation_date, instance_creation_time, creation_date,"
     " creation_time, creation_datetime, clinical_trial_sponsor_name, clinical_trial_protocol_id,"
     " potential_reasons, patient_position, manufacturer, manufacturer_model_name,"
     " device_serial_number, software_versions",
     protocols},
    {"protocol_custodians", "object_id, ordinal, institution_name", custodians},
    {"protocol_codes",
     "object_id, role, parent_ordinal, ordinal, code_value, coding_scheme_designator, code_meaning",
     codes},
    {"protocol_models",
     "object_id, ordinal, manufacturer, manufacturer_related_model_group, manufacturer_model_name,"
     " software_versions",
     models},
    {"protocol_predecessors",
     "object_id, ordinal, referenced_sop_class_uid, referenced_sop_instance_uid", predecessors},
    {"protocol_elements", "object_id, kind, ordinal", elements},
    {"parameter_constraints",
     "object_id, kind, element_ordinal, ordinal, selector_attribute, selector_keyword,"
     " selector_name, selector_vr, selector_value_number, selector_path, selector_path_items,"
     " constraint_type, constraint_values, constraint_numbers, unit_code, unit_scheme,"
     " unit_meaning, is_modifiable",
     constraints},
    {"datasets", NULL, datasets},
};

static const struct table *find_table(const char *name)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (strcmp(tables[i].name, name) == 0)
            return &tables[i];
    }
    fail("no such table");
    return NULL;
}

int main(int argc, char **argv)
{
    struct job job = {0};
    struct err err = {0};
    if (argc != 7) {
        fputs("usage: generate_rows TABLE FIRST COUNT SEED CONSTRAINTS FIRST_ID\n", stderr);
        return 2;
    }
    const struct table *table = find_table(argv[1]);
    uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
    uint64_t id = strtoull(argv[6], NULL, 10);
    job.seed = strtoull(argv[4], NULL, 10);
    job.constraints = (unsigned)strtoul(argv[5], NULL, 10);
    job.arena = arena_new(64 << 20);
    if (dcm_init(&err) != RC_OK)
        fail(err.text);

    if (table->columns)
        printf("copy dpp.%s (%s) from stdin;\n", table->name, table->columns);
    for (uint64_t i = 0; i < count; i++) {
        struct made_protocol p;
        made_protocol(first + i, job.seed, &p);
        buf_clear(&job.row);
        table->write(&job, &p, id + i);
        if (buf_status(&job.row) != RC_OK)
            fail("no memory");
        if (job.row.len > 0) /* a protocol without such rows */
            fwrite(job.row.data, 1, job.row.len, stdout);
    }
    if (table->columns)
        puts("\\.");
    arena_free(job.arena);
    buf_fini(&job.dataset);
    buf_fini(&job.record);
    buf_fini(&job.row);
    return fflush(stdout) == 0 ? 0 : 1;
}
