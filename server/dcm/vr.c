/* SPDX-License-Identifier: Apache-2.0
 *
 * The value representations of PS3.5 6.2 as one table, and what follows from a row of it.
 */
#include "vr.h"

#include <string.h>

#include "dcm/dict.h"

/* A row is found by the letters of its name, as this is asked several times for every element. */
#define VR(a, b) [(a - 'A') * 26 + (b - 'A')]

/* clang-format off */
static const struct vr_info table[26 * 26] = {
    /*                   unit 32bit  string text   split  front */
    VR('A', 'E') = {"AE",   1,   false, true,  false, true,  true },
    VR('A', 'S') = {"AS",   1,   false, true,  false, true,  false},
    VR('A', 'T') = {"AT",   2,   false, false, false, false, false}, /* two 16-bit numbers */
    VR('C', 'S') = {"CS",   1,   false, true,  false, true,  true },
    VR('D', 'A') = {"DA",   1,   false, true,  false, true,  false},
    VR('D', 'S') = {"DS",   1,   false, true,  false, true,  true },
    VR('D', 'T') = {"DT",   1,   false, true,  false, true,  false},
    VR('F', 'D') = {"FD",   8,   false, false, false, false, false},
    VR('F', 'L') = {"FL",   4,   false, false, false, false, false},
    VR('I', 'S') = {"IS",   1,   false, true,  false, true,  true },
    VR('L', 'O') = {"LO",   1,   false, true,  true,  true,  true },
    VR('L', 'T') = {"LT",   1,   false, true,  true,  false, false},
    VR('O', 'B') = {"OB",   1,   true,  false, false, false, false},
    VR('O', 'D') = {"OD",   8,   true,  false, false, false, false},
    VR('O', 'F') = {"OF",   4,   true,  false, false, false, false},
    VR('O', 'L') = {"OL",   4,   true,  false, false, false, false},
    VR('O', 'V') = {"OV",   8,   true,  false, false, false, false},
    VR('O', 'W') = {"OW",   2,   true,  false, false, false, false},
    VR('P', 'N') = {"PN",   1,   false, true,  true,  true,  false},
    VR('S', 'H') = {"SH",   1,   false, true,  true,  true,  true },
    VR('S', 'L') = {"SL",   4,   false, false, false, false, false},
    VR('S', 'Q') = {"SQ",   1,   true,  false, false, false, false},
    VR('S', 'S') = {"SS",   2,   false, false, false, false, false},
    VR('S', 'T') = {"ST",   1,   false, true,  true,  false, false},
    VR('S', 'V') = {"SV",   8,   true,  false, false, false, false},
    VR('T', 'M') = {"TM",   1,   false, true,  false, true,  false},
    VR('U', 'C') = {"UC",   1,   true,  true,  true,  true,  false},
    VR('U', 'I') = {"UI",   1,   false, true,  false, true,  false},
    VR('U', 'L') = {"UL",   4,   false, false, false, false, false},
    VR('U', 'N') = {"UN",   1,   true,  false, false, false, false},
    VR('U', 'R') = {"UR",   1,   true,  true,  false, false, false},
    VR('U', 'S') = {"US",   2,   false, false, false, false, false},
    VR('U', 'T') = {"UT",   1,   true,  true,  true,  false, false},
    VR('U', 'V') = {"UV",   8,   true,  false, false, false, false},
};
/* clang-format on */

const struct vr_info *vr_find(const char *name)
{
    unsigned a = (unsigned)name[0] - 'A', b = (unsigned)name[1] - 'A';
    const struct vr_info *row = a < 26 && b < 26 ? &table[a * 26 + b] : NULL;
    return row && row->name[0] ? row : NULL;
}

const struct vr_info *vr_of(const struct dcm_element *e)
{
    const struct vr_info *vr = vr_find(e->vr);
    return vr ? vr : vr_find("UN");
}

bool vr_of_tag(uint32_t tag, char vr[3])
{
    struct dcm_dict_entry entry;
    bool is_creator = (tag >> 16 & 1) && (tag & 0xFFFF) >= 0x10 && (tag & 0xFFFF) <= 0xFF;
    bool is_known = is_creator || dcm_dict_by_tag(tag, &entry);
    memcpy(vr, is_creator ? "LO" : is_known ? entry.vr : "UN", 3);
    return is_known;
}

uint8_t vr_pad(const struct vr_info *vr)
{
    return vr->is_string && memcmp(vr->name, "UI", 2) != 0 ? ' ' : '\0';
}

void vr_swap(uint8_t *to, const uint8_t *from, size_t n, unsigned unit)
{
    size_t whole = n - n % unit;
    for (size_t i = 0; i < whole; i += unit) {
        for (size_t j = 0; j < unit; j++)
            to[i + j] = from[i + unit - 1 - j];
    }
    if (n > whole)
        memcpy(to + whole, from + whole, n - whole);
}

/* Both spaces and NULs are taken off the end of every string: peers pad UI with spaces and text with NULs. */
struct span vr_trim(const struct vr_info *vr, struct span value)
{
    if (!vr->is_string)
        return value;
    while (value.len && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\0'))
        value.len--;
    while (vr->trims_front && value.len && value.data[0] == ' ') {
        value.data++;
        value.len--;
    }
    return value;
}

bool dcm_vr_is_text(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info && info->is_text;
}

bool dcm_vr_is_string(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info && info->is_string;
}

bool dcm_vr_has_long_length(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info && info->has_32_bit_len;
}
