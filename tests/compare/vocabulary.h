/* SPDX-License-Identifier: Apache-2.0
 *
 * Few values for each kind of attribute, so that random ones meet, with those among them that are easily
 * got wrong.
 */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include "compare.h"

enum script {
    SCRIPT_ASCII,
    LATIN_1,
    LATIN_2,
    LATIN_5,
    CYRILLIC,
    GREEK,
    ARABIC,
    HEBREW,
    THAI,
    JAPANESE,
    KANA,
    KOREAN,
    CHINESE,
    SCRIPTS
};
enum script script_any(struct chance *c);
const char *script_charset(struct chance *c, enum script s);

/* A value for the attribute, in this script or in ASCII; static. */
const char *word_for(struct chance *c, uint32_t tag, const char *vr, enum script s);

/* Attributes outside of the model, to be stored and to be asked for. */
struct stranger {
    uint32_t tag;
    char vr[3];
    const char *value;
};
extern const struct stranger strangers[];
extern const unsigned stranger_count;

#endif
