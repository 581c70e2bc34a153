/* SPDX-License-Identifier: Apache-2.0 */
#include "uid_list.h"

#include "dcm/uids.h"

unsigned uid_list_most(struct span list)
{
    unsigned count = 1;
    for (size_t i = 0; i < list.len; i++)
        count += list.data[i] == '\\';
    return count;
}

static struct span trim(const uint8_t *data, size_t len)
{
    while (len > 0 && (data[len - 1] == '\0' || data[len - 1] == ' '))
        len--;
    while (len > 0 && *data == ' ') {
        data++;
        len--;
    }
    return span_of(data, len);
}

bool uid_list_next(struct span *rest, struct span *value)
{
    while (rest->len > 0) {
        const uint8_t *end = memchr(rest->data, '\\', rest->len);
        size_t len = end ? (size_t)(end - rest->data) : rest->len;
        size_t used = end ? len + 1 : len;

        *value = trim(rest->data, len);
        *rest = span_of(rest->data + used, rest->len - used);
        if (value->len > 0)
            return true;
    }
    return false;
}

bool uid_list_is_uid(struct span value)
{
    char text[65] = "";
    if (value.len >= sizeof(text))
        return false;
    if (value.len > 0)
        memcpy(text, value.data, value.len);
    return strlen(text) == value.len && dcm_uid_is_valid(text);
}
