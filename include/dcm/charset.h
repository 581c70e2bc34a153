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

/* The supported sets, as PS3.3 tables C.12-2 to C.12-5 have them. */
struct dcm_charset {
    const char *name;
    const char *term;           /* the defined term without code extensions; NULL = none */
    const char *extension_term; /* and with them; NULL = none */
    const char
        *escape; /* with code extensions: what follows ESC and designates it; NULL = nothing */
};
/* By index from 0, after dcm_init; false past the last. */
bool dcm_charset_at(unsigned index, struct dcm_charset *out);

/* A value of (0008,0005) ("" = ISO-IR 6; "\\ISO 2022 IR 87") in the standard's spelling, without regard to how the
 * field spells it ("ISO-IR 100"). False: not every defined term of it is supported. */
enum { DCM_CHARSET_TERMS_MAX = 336 }; /* 20 terms of 15 characters */
bool dcm_charset_spell(struct span terms, char out[DCM_CHARSET_TERMS_MAX]);

/* Turn every text value of the tree into UTF-8, in place (new values in the arena), honouring (0008,0005)
 * of items; drop those elements and leave the tree with none at the top (the caller knows it is UTF-8).
 * fallback: terms to assume for 8-bit octets where (0008,0005) is absent, empty or ISO_IR 6; NULL = such
 * octets cannot be decoded.
 * *lossy (may be NULL): some octets could not be decoded; they became U+FFFD. When lossy is NULL text that is not
 * exactly in its set is RC_INVALID with the tag. RC_UNSUPPORTED: set not supported; the tree may then be half
 * converted. */
MUST_CHECK enum rc dcm_tree_to_utf8(struct dcm_item *item, const char *fallback,
                                    struct arena *arena, bool *lossy, struct err *err);

/* What was found wrong with the text of an attribute, or with (0008,0005) itself. */
enum dcm_text_flaw {
    DCM_TEXT_SET_UNSUPPORTED, /* (0008,0005) has a term that is not supported */
    DCM_TEXT_READ_AS_UTF8,    /* 8-bit text for which no supported set is named: it is UTF-8 */
    DCM_TEXT_READ_AS_LATIN1,  /* the same; it is none, and was read as Latin-1 */
    DCM_TEXT_SET_NOT_LISTED, /* an escape sequence that (0008,0005) does not allow; followed where known */
    DCM_TEXT_UNDECODABLE, /* octets that are no characters became U+FFFD */
    DCM_TEXT_HAS_NUL,     /* U+0000 within the text: kept, though nothing but octets can hold it */
    DCM_TEXT_FLAWS,
};
/* attribute: "0018990C[2].00080070", items counted from 1; borrowed for the call. */
typedef void (*dcm_text_flaw_cb)(enum dcm_text_flaw flaw, const char *attribute, void *arg);
/* The same for whoever must read what there is: each value as well as it can be, each flaw told, in the order of the
 * tree. Fails for want of memory only. */
MUST_CHECK enum rc dcm_tree_to_utf8_anyhow(struct dcm_item *item, struct arena *arena,
                                           dcm_text_flaw_cb on_flaw, void *arg, struct err *err);

/* The reverse for a UTF-8 tree; terms "" (or NULL) = ASCII, without (0008,0005), which is else written in the
 * standard's spelling. RC_UNSUPPORTED when a character does not fit; the tree is then unchanged. */
MUST_CHECK enum rc dcm_tree_from_utf8(struct dcm_item *item, const char *terms, struct arena *arena,
                                      struct err *err);
bool dcm_tree_is_ascii(const struct dcm_item *item);

#endif
