/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/convert: the digest that says "same content".
 *
 * Two encodings of a data set must give one digest, and different content must not. What is hashed is
 * a stream of its own, without lengths that would have to be known beforehand, but unambiguous:
 *
 *     item     = "{" element* "}"
 *     element  = "e" tag(4) VR(2) length(4) value     numbers little endian, value padded to even as written
 *              | "s" tag(4) "[" item* "]"              sequences
 *
 * Left out: group lengths (the scanner drops them), data set trailing padding, the form of lengths.
 * The VR is the dictionary's, as Implicit VR cannot say another; strings of a known VR lose insignificant
 * padding. Elements unknown to the dictionary are UN, with their octets: what Implicit VR makes of them.
 *
 * Unknown sequences need care: the same one is SQ in Explicit VR or with undefined length, but octets of UN
 * in Implicit VR with explicit length. So the value of an unknown element that reads completely as an
 * Implicit VR Little Endian sequence of at least one item is digested as that sequence. The reverse choice,
 * digesting sequences as octets, would make the digest depend on the form of inner lengths. An unknown
 * sequence without items is an empty value for the same reason. An element that the dictionary knows as a sequence, but
 * which came with another VR, is treated likewise: Implicit VR makes a sequence of it where its value reads as one.
 *
 * Such a value is read one level at a time, as its inner sequences are values of UN again; so the scanner's limit
 * of depth does not see how deep it goes, and is kept here. Deeper than that is refused, as the same content is
 * where its sequences are encoded as such.
 */
#include "dcm/convert.h"

#include <string.h>

#include <openssl/evp.h>

#include "vr.h"

enum { SCRATCH_BYTES = 256 << 20 };

struct digest {
    EVP_MD_CTX *ctx;
    struct arena *scratch; /* of sequences found in UN */
    unsigned depth;
    struct err failure; /* the first */
};

static void digest_item(struct digest *d, const struct dcm_item *item);

static void add(struct digest *d, const void *octets, size_t len)
{
    if (len && EVP_DigestUpdate(d->ctx, octets, len) != 1)
        err_set(&d->failure, RC_INTERNAL, "data set could not be digested");
}

static void digest_sequence(struct digest *d, const struct dcm_element *e)
{
    uint8_t head[6] = {'s', 0, 0, 0, 0, '['};
    put_be32(head + 1, e->tag);
    add(d, head, sizeof head);
    if (d->depth == DCM_DEPTH_CEILING) {
        if (d->failure.code == RC_OK)
            err_set_limit(&d->failure, LIMIT_max_depth, e->tag, "sequences nested deeper than %d",
                          DCM_DEPTH_CEILING);
        return;
    }
    d->depth++;
    for (const struct dcm_item *item = e->items; item; item = item->next)
        digest_item(d, item);
    d->depth--;
    add(d, "]", 1);
}

static void digest_value(struct digest *d, uint32_t tag, const struct vr_info *vr, uint8_t pad,
                         struct span value)
{
    uint8_t head[11] = {'e'};
    value = vr_trim(vr, value);
    put_be32(head + 1, tag);
    memcpy(head + 5, vr->name, 2);
    put_le32(head + 7, (uint32_t)(value.len + value.len % 2));
    add(d, head, sizeof head);
    add(d, value.data, value.len);
    add(d, &pad, value.len % 2);
}

/* Whether a value is an Implicit VR sequence; cheap for the many that do not begin with an item. */
static bool reads_as_sequence(struct digest *d, struct span value, struct dcm_element *sequence)
{
    static const uint8_t item_tag[] = {0xFE, 0xFF, 0x00, 0xE0};
    struct dcm_limits limits = {.max_depth = DCM_DEPTH_CEILING, .max_elements = UINT32_MAX};
    if (value.len < 8 || memcmp(value.data, item_tag, sizeof item_tag) != 0)
        return false;
    struct err err;
    enum rc rc = read_implicit_sequence(value, &limits, d->scratch, sequence, &err);
    if (rc == RC_LIMIT && d->failure.code == RC_OK)
        d->failure = err;
    return rc == RC_OK;
}

static void digest_element(struct digest *d, const struct dcm_element *e)
{
    char vr[3];
    struct dcm_element found = {.tag = e->tag};
    bool is_known = vr_of_tag(e->tag, vr);
    bool is_known_sequence = is_known && strcmp(vr, "SQ") == 0;
    if (strcmp(e->vr, "SQ") == 0 && (is_known || e->items))
        digest_sequence(d, e);
    else if (is_known_sequence && e->value.len == 0)
        digest_sequence(d, &found);
    else if ((is_known_sequence || !is_known) && reads_as_sequence(d, e->value, &found))
        digest_sequence(d, &found);
    else
        digest_value(d, e->tag, vr_find(vr), vr_pad(is_known ? vr_find(vr) : vr_of(e)), e->value);
}

static void digest_item(struct digest *d, const struct dcm_item *item)
{
    add(d, "{", 1);
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        if (e->tag != TAG_DataSetTrailingPadding)
            digest_element(d, e);
    }
    add(d, "}", 1);
}

enum rc dcm_digest(const struct dcm_item *item, uint8_t out[DCM_DIGEST_BYTES], struct err *err)
{
    struct digest d = {.ctx = EVP_MD_CTX_new(), .scratch = arena_new(SCRATCH_BYTES)};
    unsigned len = 0;
    enum rc rc = RC_OK;
    if (!d.ctx || EVP_DigestInit_ex(d.ctx, EVP_sha256(), NULL) != 1)
        rc = err_set(err, RC_NOMEM, "no memory for a digest");
    if (rc == RC_OK) {
        digest_item(&d, item);
        rc = d.failure.code;
        if (rc != RC_OK && err)
            *err = d.failure;
        else if (rc == RC_OK && EVP_DigestFinal_ex(d.ctx, out, &len) != 1)
            rc = err_set(err, RC_INTERNAL, "data set could not be digested");
    }
    arena_free(d.scratch);
    EVP_MD_CTX_free(d.ctx);
    return rc;
}
