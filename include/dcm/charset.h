/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/charset: text values between the character sets of (0008,0005) and UTF-8.
 *
 * PS3.3 C.12.1.1.2, PS3.5 6.1 and 6.2.1.2: all its sets, with and without code extensions. An all-ASCII value
 * takes no conversion. The sets come from the C library's iconv, as DCMTK's do (see codedset.c for why
 * DCMTK's own conversion is not used); dcm_init loads them.
 */
#ifndef DCM_CHARSET_H
#define DCM_CHARSET_H

#include "dcm/dataset.h"

/* Whether every defined term of a (0008,0005) value ("" = ISO-IR 6; "\\ISO 2022 IR 87") is supported. */
bool dcm_charset_is_supported(struct span terms);

/* Turn every text value of the tree into UTF-8, in place (new values in the arena), honouring (0008,0005)
 * of items; drop those elements and leave the tree with none at the top (the caller knows it is UTF-8).
 * fallback: terms to assume for 8-bit octets where (0008,0005) is absent, empty or ISO_IR 6; NULL = such
 * octets cannot be decoded.
 * *lossy (may be NULL): some octets could not be decoded; they became U+FFFD. When lossy is NULL undecodable
 * text is RC_INVALID with the tag. RC_UNSUPPORTED: set not supported; the tree may then be half converted. */
MUST_CHECK enum rc dcm_tree_to_utf8(struct dcm_item *item, const char *fallback,
                                    struct arena *arena, bool *lossy, struct err *err);
/* The reverse for a UTF-8 tree; terms "" (or NULL) = ASCII, without (0008,0005). RC_UNSUPPORTED when a character does not fit; the tree is then unchanged. */
MUST_CHECK enum rc dcm_tree_from_utf8(struct dcm_item *item, const char *terms, struct arena *arena,
                                      struct err *err);
bool dcm_tree_is_ascii(const struct dcm_item *item);

/* A supported set and its defined terms (PS3.3 tables C.12-2 to C.12-5). */
struct dcm_charset {
    const char *name;   /* "Latin alphabet No. 1" */
    char term[16];      /* without code extensions: "ISO_IR 100"; "" = none */
    char extension[20]; /* with them: "ISO 2022 IR 100"; "" = none */
};
/* By index from 0, after dcm_init; false past the last. */
bool dcm_charset_at(unsigned index, struct dcm_charset *out);

#endif
