/* SPDX-License-Identifier: Apache-2.0 */
#include "text_array.h"

struct span text_array(struct arena *arena, const struct span *values, unsigned count)
{
    size_t size = 3; /* braces and NUL */
    for (unsigned i = 0; i < count; i++)
        size += 2 * values[i].len + 3; /* every octet escaped, quotes, comma */

    char *text = arena_alloc(arena, size);
    if (!text)
        return span_of(NULL, 0);

    size_t len = 0;
    text[len++] = '{';
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            text[len++] = ',';
        text[len++] = '"';
        for (size_t k = 0; k < values[i].len; k++) {
            char c = (char)values[i].data[k];
            if (c == '"' || c == '\\')
                text[len++] = '\\';
            text[len++] = c;
        }
        text[len++] = '"';
    }
    text[len++] = '}';
    text[len] = '\0';
    return span_of(text, len);
}
