/* SPDX-License-Identifier: Apache-2.0
 *
 * Coded character sets of PS3.3 C.12.1.1.2 as tables. Internal to the dcm layer.
 */
#ifndef SERVER_DCM_CODEDSET_H
#define SERVER_DCM_CODEDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum coded_shape {
    SHAPE_ASCII,    /* G0, one octet: ISO-IR 6; also ISO-IR 14, read as ASCII */
    SHAPE_96,       /* G1, one octet A0-FF */
    SHAPE_94X94_G0, /* two octets 21-7E */
    SHAPE_94X94_G1, /* two octets A1-FE */
    SHAPE_GBK,      /* two octets 81-FE, 40-FE; no ISO 2022 */
    SHAPE_GB18030,  /* the same and four octets; no ISO 2022 */
    SHAPE_UTF8,
};

struct coded_set {
    int number;                 /* of ISO-IR; 0 = none */
    const char *name;           /* NULL = has no term of its own */
    const char *term;           /* the defined term without code extensions; NULL = none */
    const char *extension_term; /* and with them */
    const char *escape;         /* after ESC: what designates it to G0 or G1; NULL = nothing does */
    enum coded_shape shape;
    const char *iconv_name;
};

/* Once, before threads: sets whose conversion the C library lacks are not found afterwards. */
void coded_sets_init(void);
/* The supported sets, one after the other; NULL = there are no more. */
const struct coded_set *coded_set_at(unsigned index);
/* By number of ISO-IR, or by term ("GBK") where number is 0; NULL = not supported. */
const struct coded_set *coded_set_find(int number, const char *term);
/* The set that the octets after an ESC designate, or NULL; *len is how many they are. */
const struct coded_set *coded_set_of_escape(const uint8_t *p, size_t left, size_t *len);

/* One character beyond ASCII: octets consumed, 0 = not a character of the set. */
size_t coded_decode(const struct coded_set *set, const uint8_t *p, size_t left, uint32_t *code);
/* Octets written (4 at most), 0 = the set has no such character. */
size_t coded_encode(const struct coded_set *set, uint32_t code, uint8_t out[4]);

#endif
