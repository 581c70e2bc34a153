/* SPDX-License-Identifier: Apache-2.0
 *
 * The query record: of the object's top level the model's attributes, sequences whole, with the two
 * attributes that say how to read it. See catalog/record.h for the form and catalog/project for its
 * reader, which relies on explicit lengths and ascending tags.
 */
#include "catalog/record.h"

/* The object's own set goes in as it was, although the record's text is UTF-8: it is a fact about the
 * object that the choice of a response's set needs. */
static void write_charset(struct span terms, struct buf *out)
{
    struct dcm_element e = {.tag = TAG_SpecificCharacterSet, .vr = "CS", .value = terms};
    dcm_write_element(&e, dcm_ts_find(UID_EXPLICIT_LE), out);
}

enum rc record_write(const struct model *model, const struct dcm_item *utf8,
                     struct span stored_charset, struct buf *out, struct err *err)
{
    const struct dcm_ts *ts = dcm_ts_find(UID_EXPLICIT_LE);
    bool has_charset = stored_charset.len > 0;

    for (const struct dcm_element *e = utf8->first; e; e = e->next) {
        if (e->tag == TAG_SpecificCharacterSet)
            continue;
        if (has_charset && e->tag > TAG_SpecificCharacterSet) {
            write_charset(stored_charset, out);
            has_charset = false;
        }
        if (e->tag == TAG_TimezoneOffsetFromUTC ||
            model_find_key(model->keys, model->key_count, e->tag))
            dcm_write_element(e, ts, out);
    }
    if (has_charset)
        write_charset(stored_charset, out);
    if (buf_status(out) != RC_OK)
        return err_set(err, buf_status(out), "query record is too large");
    return RC_OK;
}
