/* SPDX-License-Identifier: Apache-2.0
 *
 * Authoring documents in the order in which people read them: what a protocol is first, its parts last, and of a
 * parameter the keyword before the value. The database gives members by length and alphabet.
 */
#include "authoring.h"

static const char *const first[] = {
    "sop_instance_uid", "id",         "name",  "modality", "number", "keyword",
    "attribute",        "constraint", "value", "unit",     "scheme", "meaning",
};
static const char *const last[] = {
    "patient_constraints", "acquisition", "reconstruction", "storage", "parameters",
};

static void take(json_t *from, json_t *to, const char *name)
{
    json_t *value = json_object_get(from, name);

    if (value) {
        json_object_set_new(to, name, authoring_arrange(value));
        json_object_del(from, name);
    }
}

json_t *authoring_arrange(json_t *value)
{
    json_t *arranged, *one;
    size_t i;

    if (json_is_array(value)) {
        arranged = json_array();
        json_array_foreach(value, i, one) json_array_append_new(arranged, authoring_arrange(one));
        return arranged;
    }
    if (!json_is_object(value))
        return json_incref(value);
    json_t *rest = json_copy(value), *tail = json_object();
    const char *name;
    arranged = json_object();
    for (i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        take(rest, arranged, first[i]);
    for (i = 0; i < sizeof(last) / sizeof(last[0]); i++)
        take(rest, tail, last[i]);
    json_object_foreach(rest, name, one)
        json_object_set_new(arranged, name, authoring_arrange(one));
    json_object_update(arranged, tail);
    json_decref(rest);
    json_decref(tail);
    return arranged;
}
