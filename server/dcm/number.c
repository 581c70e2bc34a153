/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dataset: numbers of binary VRs as text, the same wherever one is written down (JSON, columns).
 *
 * A real number keeps its bits: it is written in as few digits as give the same number back (17 at most, 9
 * for FL). Relies on the process's LC_NUMERIC being "C".
 */
#include "dcm/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vr.h"

/* printf takes ten times as long, and a protocol has hundreds of these. */
static void integer_text(uint64_t magnitude, bool is_negative, char *out)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + magnitude % 10);
    while ((magnitude /= 10) > 0);
    if (is_negative)
        *out++ = '-';
    while (count > 0)
        *out++ = digits[--count];
    *out = '\0';
}

static void signed_text(int64_t value, char *out)
{
    integer_text(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, out);
}

/* "-0" would be read back as the integer 0. */
static bool real_text(double value, bool is_single, char *out)
{
    if (!isfinite(value))
        return false;
    bool is_whole = value == trunc(value) && fabs(value) < (is_single ? 1e6 : 1e15);
    if (is_whole && !(value == 0 && signbit(value))) { /* as printf would */
        signed_text((int64_t)value, out);
        return true;
    }
    for (int digits = is_single ? 6 : 15; digits <= (is_single ? 9 : 17); digits++) {
        (void)snprintf(out, DCM_NUMBER_TEXT, "%.*g", digits, value);
        if (is_single ? strtof(out, NULL) == (float)value : strtod(out, NULL) == value)
            break;
    }
    if (strcmp(out, "-0") == 0)
        memcpy(out, "-0.0", 5);
    return true;
}

static void tag_text(const uint8_t *octets, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    static const uint8_t order[] = {1, 0, 3, 2};
    for (size_t i = 0; i < sizeof order; i++) {
        *out++ = digits[octets[order[i]] >> 4];
        *out++ = digits[octets[order[i]] & 15];
    }
    *out = '\0';
}

bool dcm_number_text(const char vr[3], const uint8_t *octets, char out[DCM_NUMBER_TEXT])
{
    const struct vr_info *info = vr_find(vr);
    uint64_t wide = 0;
    for (unsigned i = info->unit; i > 0; i--)
        wide = wide << 8 | octets[i - 1];

    if (memcmp(vr, "FD", 2) == 0) {
        double real;
        memcpy(&real, &wide, sizeof real);
        return real_text(real, false, out);
    }
    if (memcmp(vr, "FL", 2) == 0) {
        uint32_t narrow = (uint32_t)wide;
        float single;
        memcpy(&single, &narrow, sizeof single);
        return real_text((double)single, true, out);
    }
    if (memcmp(vr, "AT", 2) == 0)
        tag_text(octets, out);
    else if (memcmp(vr, "SS", 2) == 0)
        signed_text((int16_t)wide, out);
    else if (memcmp(vr, "SL", 2) == 0)
        signed_text((int32_t)wide, out);
    else if (memcmp(vr, "SV", 2) == 0)
        signed_text((int64_t)wide, out);
    else
        integer_text(wide, false, out);
    return true;
}
