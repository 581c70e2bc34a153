/* SPDX-License-Identifier: Apache-2.0
 *
 * -k KEY=VALUE: attributes by keyword or tag, nested ones by a path with dots.
 *
 *   -k ProtocolName='Head*'                               single value with wild card
 *   -k ModelSpecificationSequence.Manufacturer=ACME       inside the one item of a sequence
 *   -k 0018,1030   -k "(0018,1030)"   -k 00181030         return key, by tag
 *
 * All keys with the same sequence go into its one item (PS3.4 C.2.2.2.6: a key sequence has one item), so
 * they must match in the same item of the object. An attribute outside the dictionary travels as UN.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/dict.h"

enum { MAX_KEY_BYTES = 64 * 1024, MAX_KEYS = 1024, MAX_NAME_BYTES = 80 };

static const char *const protocol_defaults[] = {
    "SOPInstanceUID",
    "SOPClassUID",
    "ProtocolName",
    "EquipmentModality",
    "InstanceCreationDate",
    "ModelSpecificationSequence.ManufacturerModelName",
    NULL,
};

static const char *const approval_defaults[] = {
    "SOPInstanceUID",
    "ApprovalSubjectSequence.ReferencedSOPInstanceUID",
    "ApprovalSequence.AssertionCodeSequence",
    "ApprovalSequence.AsserterIdentificationSequence.PersonName",
    "ApprovalSequence.AsserterIdentificationSequence.OrganizationalRoleCodeSequence",
    "ApprovalSequence.AssertionDateTime",
    "ApprovalSequence.AssertionExpirationDateTime",
    NULL,
};

static const struct {
    const char *word;
    const struct model *model;
    const char *const *defaults;
} models[] = {
    {MODEL_DEFAULT, &model_protocol, protocol_defaults},
    {"approval", &model_approval, approval_defaults},
};

enum rc keys_model(const char *word, const struct model **out, struct err *err)
{
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (strcmp(models[i].word, word) == 0) {
            *out = models[i].model;
            return RC_OK;
        }
    }
    return err_set(err, RC_INVALID, "--model: '%.64s' is neither protocol nor approval", word);
}

const char *const *keys_default(const struct model *model)
{
    return models[model == &model_approval].defaults;
}

void keys_init(struct keys *k, struct arena *arena)
{
    memset(k, 0, sizeof(*k));
    k->arena = arena;
    k->identifier = dcm_item_new(arena);
}

void keys_fini(struct keys *k)
{
    free(k->paths);
    memset(k, 0, sizeof(*k));
}

/* GGGGEEEE, with or without comma and brackets, also of tags outside the dictionary. */
static bool parse_tag(const char *name, uint32_t *tag)
{
    char digits[9];
    unsigned n = 0;

    for (const char *p = name; *p; p++) {
        bool is_mark = (*p == '(' && p == name) || (*p == ')' && !p[1] && name[0] == '(') ||
                       (*p == ',' && n == 4);
        if (is_mark)
            continue;
        if (!isxdigit((unsigned char)*p) || n == 8)
            return false;
        digits[n++] = *p;
    }
    digits[n] = '\0';
    if (n != 8)
        return false;
    *tag = (uint32_t)strtoul(digits, NULL, 16);
    return true;
}

static enum rc look_up(const char *name, struct dcm_dict_entry *out, struct err *err)
{
    if (!dcm_dict_by_name(name, out)) {
        memset(out, 0, sizeof(*out));
        if (!parse_tag(name, &out->tag))
            return err_set(err, RC_INVALID, "'%s' is neither a DICOM keyword nor a tag", name);
        memcpy(out->vr, "UN", 3);
        out->keyword = "";
    }
    unsigned group = out->tag >> 16;
    if (group == 0x0000 || group == 0x0002 || (out->tag & 0xFFFF) == 0)
        return err_set_tag(err, RC_INVALID, out->tag, "%s cannot be a key", name);
    return RC_OK;
}

static struct key_path *add_path(struct keys *k, const struct key_path *path)
{
    for (unsigned i = 0; i < k->count; i++) {
        struct key_path *p = &k->paths[i];
        if (p->depth == path->depth &&
            memcmp(p->tags, path->tags, p->depth * sizeof(*p->tags)) == 0)
            return p;
    }
    struct key_path *more = realloc(k->paths, (k->count + 1) * sizeof(*more));
    if (!more)
        return NULL;
    k->paths = more;
    k->paths[k->count] = *path;
    return &k->paths[k->count++];
}

/* The leaf itself: a value, or zero length to ask for it. */
static enum rc put_leaf(struct keys *k, struct dcm_item *item, const struct dcm_dict_entry *entry,
                        const char *name, const char *value, struct err *err)
{
    struct dcm_element *there = dcm_find(item, entry->tag);
    bool is_sequence = strcmp(entry->vr, "SQ") == 0;
    bool is_string = dcm_vr_is_string(entry->vr) || strcmp(entry->vr, "UN") == 0;

    if (*value && is_sequence)
        return err_set_tag(err, RC_INVALID, entry->tag,
                           "%s is a sequence: give its attributes, as in %s.KEYWORD=VALUE", name,
                           name);
    if (*value && !is_string)
        return err_set_tag(err, RC_INVALID, entry->tag, "%s has VR %s, which takes no text", name,
                           entry->vr);
    if (*value && there && there->items)
        return err_set_tag(err, RC_INVALID, entry->tag,
                           "%s is given with a value and with attributes of its own", name);
    if (there && !*value)
        return RC_OK; /* asked for already */
    if (there && there->value.len > 0 && !span_equal_str(there->value, value))
        return err_set_tag(err, RC_INVALID, entry->tag, "%s is given twice with different values",
                           name);
    if (!dcm_put_text(k->arena, item, entry->tag, entry->vr, value))
        return err_set(err, RC_NOMEM, "too many keys");
    return RC_OK;
}

/* Down into the one item of a sequence, making it where it is not there yet. */
static enum rc enter(struct keys *k, struct dcm_item **item, uint32_t tag, const char *name,
                     struct err *err)
{
    struct dcm_element *sq = dcm_find(*item, tag);

    if (sq && sq->value.len > 0)
        return err_set_tag(err, RC_INVALID, tag,
                           "%s is given with a value and with attributes of its own", name);
    if (!sq || strcmp(sq->vr, "SQ") != 0) /* an unknown one that was only asked for is UN so far */
        sq = dcm_put(k->arena, *item, tag, "SQ", span_of(NULL, 0));
    *item = !sq ? NULL : sq->items ? sq->items : dcm_add_item(k->arena, sq);
    return *item ? RC_OK : err_set(err, RC_NOMEM, "too many keys");
}

static enum rc add_names(struct keys *k, char *names, const char *value, struct err *err)
{
    struct dcm_item *item = k->identifier;
    struct dcm_dict_entry entry = {0};
    struct key_path path = {0};
    const char *name = NULL;

    while (names) {
        if (path.depth == KEY_DEPTH_MAX)
            return err_set(err, RC_INVALID, "more than %d levels", KEY_DEPTH_MAX);
        if (path.depth > 0) {
            if (strcmp(entry.vr, "SQ") != 0 && strcmp(entry.vr, "UN") != 0)
                return err_set_tag(err, RC_INVALID, entry.tag,
                                   "%s is no sequence, so nothing can follow it", name);
            enum rc rc = enter(k, &item, entry.tag, name, err);
            if (rc != RC_OK)
                return rc;
        }
        name = strsep(&names, ".");
        enum rc rc = look_up(name, &entry, err);
        if (rc != RC_OK)
            return rc;
        path.tags[path.depth++] = entry.tag;
    }
    enum rc rc = put_leaf(k, item, &entry, name, value, err);
    if (rc != RC_OK)
        return rc;
    if (entry.keyword && *entry.keyword)
        snprintf(path.title, sizeof(path.title), "%s", entry.keyword);
    else
        snprintf(path.title, sizeof(path.title), "%08X", (unsigned)entry.tag);
    if (!add_path(k, &path))
        return err_set(err, RC_NOMEM, "too many keys");
    return RC_OK;
}

enum rc keys_add(struct keys *k, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    const char *value = equals ? equals + 1 : "";
    char names[KEY_DEPTH_MAX * MAX_NAME_BYTES];

    if (k->count >= MAX_KEYS)
        return err_set(err, RC_LIMIT, "more than %d keys", MAX_KEYS);
    if (len == 0 || len >= sizeof(names))
        return err_set(err, RC_INVALID, "'%.64s' is no key: KEYWORD=VALUE or KEYWORD", text);
    if (strlen(value) > MAX_KEY_BYTES)
        return err_set(err, RC_INVALID, "a value is longer than %d octets", MAX_KEY_BYTES);
    if (!utf8_is_valid(span_str(value)))
        return err_set(err, RC_INVALID, "the value of %.*s is not UTF-8", (int)len, text);
    memcpy(names, text, len);
    names[len] = '\0';
    return add_names(k, names, value, err);
}

enum rc keys_add_model(struct keys *k, const struct model *model, struct err *err)
{
    for (unsigned i = 0; i < model->key_count; i++) {
        char name[12];
        snprintf(name, sizeof(name), "%08X", (unsigned)model->keys[i].tag);
        /* Neither may be sent with zero length (PS3.4 K.2.2.1), and both come by themselves. */
        if (model->keys[i].tag == TAG_SpecificCharacterSet ||
            model->keys[i].tag == TAG_TimezoneOffsetFromUTC)
            continue;
        enum rc rc = keys_add(k, name, err);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}
