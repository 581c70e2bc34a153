/* SPDX-License-Identifier: Apache-2.0
 *
 * What has been read and not consumed, in one piece, so that a PDU can be decoded where it is.
 *
 *   octets |  consumed  |  input  |  room  |
 *          0          start      end    capacity
 *
 * It is read behind what is there; the rest moves to the front only when the block is full, and the block doubles when
 * that rest is half of it, so an octet is moved a bounded number of times however small the reads are. An idle
 * connection has no block at all. The size of a read follows the peer: it doubles when a read fills the block, so a busy stream
 * costs few calls, and halves when little comes.
 *
 * Octets and lengths only: reading is the stream's (stream_input.c).
 */
#include <stdlib.h>
#include <string.h>

#include "stream_parts.h"

enum { READ_MAX = 128 << 10 };

bool stream_block_make_room(struct stream_block *b, size_t limit)
{
    size_t len = stream_block_length(b), capacity;
    uint8_t *octets;

    if (b->octets && b->end < b->capacity)
        return true;
    if (b->octets && b->start >= b->capacity / 2) {
        memmove(b->octets, b->octets + b->start, len);
        b->start = 0;
        b->end = len;
        return true;
    }
    capacity = len + b->read_size > 2 * len ? len + b->read_size : 2 * len;
    if (capacity > limit)
        capacity = limit;
    octets = malloc(capacity);
    if (!octets)
        return false;
    if (len > 0)
        memcpy(octets, b->octets + b->start, len);
    free(b->octets);
    b->octets = octets;
    b->capacity = capacity;
    b->start = 0;
    b->end = len;
    return true;
}

void stream_block_add(struct stream_block *b, size_t n)
{
    b->end += n;
    if (b->end == b->capacity && b->read_size < READ_MAX)
        b->read_size *= 2;
    else if (n < b->read_size / 4 && b->read_size > STREAM_READ_MIN)
        b->read_size /= 2;
}
