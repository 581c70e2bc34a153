/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the conformance statement, read from the tables that the server works with: service/classes,
 * service/status, catalog/model, dcm/uids, dcm/charset. Where a table grows a kind of row that is not known here,
 * the compiler says so (switch over an enum) or the statement shows it (iterators).
 */
#include "conformance.h"

#include <string.h>

#include "app_internal.h"
#include "catalog/model.h"
#include "dcm/charset.h"
#include "dcm/dict.h"
#include "dcm/tags.h"
#include "dcm/uids.h"
#include "net/reject.h"
#include "service/classes.h"
#include "service/status.h"

/* ---- services ---- */

static const char *as_scu(const struct sop_class *c)
{
    switch (c->kind) {
    case SOP_VERIFICATION:
        return "CLIENT: `dppr echo`, `dppr ae test`";
    case SOP_STORAGE:
        return "REPOSITORY: sub-operations of C-GET and C-MOVE; CLIENT: `dppr store`";
    case SOP_FIND:
        return "CLIENT: `dppr find`";
    case SOP_MOVE:
        return "CLIENT: `dppr move`";
    case SOP_GET:
        return "CLIENT: `dppr get`";
    }
    return "";
}

static const char *as_scp(const struct sop_class *c)
{
    return c->kind == SOP_STORAGE ? "REPOSITORY; CLIENT: `dppr get`" : "REPOSITORY";
}

bool conformance_services(struct conformance *c, const char *arg)
{
    const struct sop_class *class;

    fputs("| SOP class | UID | User of service (SCU) | Provider of service (SCP) |\n"
          "|---|---|---|---|\n",
          c->to);
    for (unsigned i = 0; (class = sop_class_at(i)); i++)
        fprintf(c->to, "| %s | %s | %s | %s |\n", dcm_uid_name(class->uid), class->uid,
                as_scu(class), as_scp(class));
    return !*arg;
}

static const char *accepted_roles(const struct sop_class *c)
{
    return c->right_as_scu ? "SCP; SCU by role selection" : "SCP";
}

bool conformance_contexts(struct conformance *c, const char *arg)
{
    const struct sop_class *class;

    fputs("| Abstract syntax | UID | Transfer syntaxes | Role | Extended negotiation |\n"
          "|---|---|---|---|---|\n",
          c->to);
    for (unsigned i = 0; (class = sop_class_at(i)); i++)
        fprintf(c->to, "| %s | %s | all of table 4-1 | %s | %s |\n", dcm_uid_name(class->uid),
                class->uid, accepted_roles(class), class->extended_mask ? "table 4-2" : "none");
    return !*arg;
}

bool conformance_transfer_syntaxes(struct conformance *c, const char *arg)
{
    fputs("| Preference | Transfer syntax | UID |\n|---|---|---|\n", c->to);
    for (unsigned i = 0; dcm_ts_uids[i]; i++)
        fprintf(c->to, "| %u | %s | %s |\n", i + 1, dcm_ts_find(dcm_ts_uids[i])->name,
                dcm_ts_uids[i]);
    return !*arg;
}

bool conformance_rejections(struct conformance *c, const char *arg)
{
    fputs("| A-ASSOCIATE-RJ | When |\n|---|---|\n", c->to);
    for (enum reject why = 0; why < REJECT_COUNT; why++) {
        const struct reject_row *row = reject_of(why);
        fprintf(c->to, "| %u/%u/%u | %s |\n", row->code.result, row->code.source, row->code.reason,
                row->when);
    }
    return !*arg;
}

/* PS3.4 K.5.1 */
bool conformance_extended(struct conformance *c, const char *arg)
{
    static const char *const bytes[] = {
        "reserved, always 1", "combined date-time matching, always 1",
        "fuzzy semantic matching of person names", "time zone query adjustment"};
    const struct sop_class *find = sop_class_find(UID_PROTOCOL_FIND);

    fputs("| Octet | Meaning | Answer to an offered 1 |\n|---|---|---|\n", c->to);
    for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
        fprintf(c->to, "| %u | %s | %u |\n", i + 1, bytes[i],
                i < find->extended_bytes ? find->extended_mask[i] : 0);
    return !*arg;
}

/* ---- keys ---- */

static const char *matching(const struct model_key *k)
{
    switch (k->match) {
    case MATCH_NONE:
        return "-";
    case MATCH_UID:
        return "single value, list of UID, universal";
    case MATCH_TEXT:
    case MATCH_SCHEME:
    case MATCH_NAME:
        return "single value, wild card, universal";
    case MATCH_DATE:
    case MATCH_TIME:
    case MATCH_DATETIME:
        return "single value, range, universal";
    case MATCH_SEQUENCE:
        return "sequence, universal";
    }
    return "";
}

static const char *key_type(const struct model_key *k)
{
    if (k->match == MATCH_NONE)
        return "-";
    if (k->is_of_object && k->tag == TAG_SOPInstanceUID)
        return "U";
    return k->is_optional ? "O" : "R";
}

/* What an item of a code sequence holds is one macro, told once. */
static bool is_code_sequence(const struct model_key *k)
{
    return model_find_key(k->children, k->child_count, TAG_EquivalentCodeSequence) != NULL;
}

static const char *remark(const struct model *m, const struct model_key *k)
{
    if (k->tag == m->date_tag || k->tag == m->time_tag)
        return "two ranges of date and time are one combined range";
    if (k->match == MATCH_SCHEME)
        return "SRT, SNM3 and 99SDM are one scheme";
    if (k->match == MATCH_NAME)
        return "case and accents do not count; component groups, see below";
    if (is_code_sequence(k))
        return "items: table 4-7";
    if (k->is_multi)
        return "one matching value is enough";
    return k->match == MATCH_NONE ? "return key only; a value given is ignored" : "";
}

static void write_keys(FILE *to, const struct model *m, const struct model_key *keys,
                       unsigned count, unsigned depth)
{
    for (unsigned i = 0; i < count; i++) {
        const struct model_key *k = &keys[i];
        struct dcm_dict_entry entry = {.keyword = ""};
        (void)dcm_dict_by_tag(k->tag, &entry);
        fputs("| ", to);
        for (unsigned d = 0; d < depth; d++)
            fputs("&gt;", to);
        fprintf(to, "%s%s | (%04X,%04X) | %s | %s | %s | %u | %s |\n", depth ? " " : "",
                entry.keyword, (unsigned)(k->tag >> 16), (unsigned)(k->tag & 0xFFFF), k->vr,
                key_type(k), matching(k), k->return_type, remark(m, k));
        if (!is_code_sequence(k))
            write_keys(to, m, k->children, k->child_count, depth + 1);
    }
}

static const struct model_key *first_code_sequence(const struct model *m)
{
    for (unsigned i = 0; i < m->key_count; i++) {
        if (is_code_sequence(&m->keys[i]))
            return &m->keys[i];
    }
    return NULL;
}

bool conformance_keys(struct conformance *c, const char *model)
{
    const struct model *m = strcmp(model, "approval") == 0 ? &model_approval : &model_protocol;
    const struct model_key *keys = m->keys;
    unsigned count = m->key_count;

    if (strcmp(model, "code") == 0) {
        const struct model_key *sequence = first_code_sequence(m);
        keys = sequence->children;
        count = sequence->child_count;
    } else if (m == &model_protocol && strcmp(model, "protocol") != 0) {
        return false;
    }
    fputs("| Attribute | Tag | VR | Key type | Matching | Return type | Remark |\n"
          "|---|---|---|---|---|---|---|\n",
          c->to);
    write_keys(c->to, m, keys, count, 0);
    return true;
}

/* What `dppr find` asks for by itself. */
bool conformance_client_keys(struct conformance *c, const char *model)
{
    const struct model *m;
    struct err err;

    if (keys_model(model, &m, &err) != RC_OK)
        return false;
    const char *const *defaults = keys_default(m);
    for (unsigned i = 0; defaults[i]; i++)
        fprintf(c->to, "%s%s", i ? ", " : "", defaults[i]);
    return true;
}

/* ---- statuses ---- */

bool conformance_statuses(struct conformance *c, const char *service)
{
    static const char *const names[] = {
        [STATUS_FOR_STORE] = "store", [STATUS_FOR_FIND] = "find", [STATUS_FOR_GET] = "get",
        [STATUS_FOR_MOVE] = "move",   [STATUS_FOR_ECHO] = "echo",
    };
    const struct status_use *u;
    unsigned which = 0;

    while (which < sizeof(names) / sizeof(names[0]) && strcmp(names[which], service) != 0)
        which++;
    if (which == sizeof(names) / sizeof(names[0]))
        return false;
    fputs("| Status | Meaning | When | Fields | What the peer can do |\n|---|---|---|---|---|\n",
          c->to);
    for (unsigned i = 0; (u = status_use_at(i)); i++) {
        if (u->services & 1u << which)
            fprintf(c->to, "| %04X | %s | %s | %s | %s |\n", u->status, status_text(u->status),
                    u->when, u->fields, u->remedy);
    }
    return true;
}

/* ---- character sets ---- */

/* As PS3.3 tables C.12-3 and C.12-4 write them: column and row of each octet. */
static void write_escape(struct conformance *c, const char *escape)
{
    fputs(escape ? "ESC" : "-", c->to);
    for (const char *p = escape; p && *p; p++)
        fprintf(c->to, " %02d/%02d", *p / 16, *p % 16);
}

bool conformance_charsets(struct conformance *c, const char *arg)
{
    struct dcm_charset set;

    fputs("| Character set | Defined term | With code extensions | Escape sequence "
          "|\n|---|---|---|---|\n",
          c->to);
    for (unsigned i = 0; dcm_charset_at(i, &set); i++) {
        fprintf(c->to, "| %s | %s | %s | ", set.name, set.term ? set.term : "none",
                set.extension_term ? set.extension_term : "none");
        write_escape(c, set.escape);
        fputs(" |\n", c->to);
    }
    return !*arg;
}
