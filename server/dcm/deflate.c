/* SPDX-License-Identifier: Apache-2.0
 *
 * Deflated data sets (PS3.5 A.5): a raw deflate stream (RFC 1951), padded with one NUL to even length.
 */
#include "vr.h"

#include <limits.h>
#include <zlib.h>

enum { STEP_BYTES = 64 * 1024, RAW = -MAX_WBITS, DEFAULT_MEMORY = 8 };

/* zlib counts in unsigned int: hand it at most that much at a time. */
static void feed(z_stream *z, struct span *in)
{
    if (z->avail_in || !in->len)
        return;
    z->avail_in = in->len < UINT_MAX ? (uInt)in->len : UINT_MAX;
    z->next_in = (Bytef *)in->data;
    in->data += z->avail_in;
    in->len -= z->avail_in;
}

/* Room for one step of output, or for what is left below the limit of the buffer. */
static enum rc make_room(z_stream *z, struct buf *out, struct err *err)
{
    size_t step = STEP_BYTES;
    if (out->limit && out->limit - out->len < step)
        step = out->limit - out->len;
    if (step == 0)
        return err_set(err, RC_LIMIT, "deflated data set is larger than %zu octets", out->limit);
    z->next_out = buf_reserve(out, step);
    if (!z->next_out)
        return err_set(err, buf_status(out), "no room for a deflated data set");
    z->avail_out = (uInt)step;
    return RC_OK;
}

static void take(z_stream *z, struct buf *out)
{
    out->len += (size_t)(z->next_out - (out->data + out->len));
}

enum rc inflate_octets(struct span in, struct buf *out, struct err *err)
{
    z_stream z = {0};
    enum rc rc = RC_OK;
    int state = Z_OK;
    if (inflateInit2(&z, RAW) != Z_OK)
        return err_set(err, RC_NOMEM, "no memory to inflate");
    while (state != Z_STREAM_END) {
        feed(&z, &in);
        uint8_t probe[1];
        bool is_full = out->limit && out->len == out->limit;
        if (is_full) { /* the stream may end exactly here: one more octet proves that it does not */
            z.next_out = probe;
            z.avail_out = sizeof probe;
        } else if ((rc = make_room(&z, out, err)) != RC_OK) {
            break;
        }
        state = inflate(&z, Z_NO_FLUSH);
        if (is_full && z.avail_out == 0) {
            rc = err_set(err, RC_LIMIT, "inflated data set is larger than %zu octets", out->limit);
            break;
        }
        if (!is_full)
            take(&z, out);
        if (state != Z_OK && state != Z_STREAM_END) {
            rc = state == Z_MEM_ERROR
                     ? err_set(err, RC_NOMEM, "no memory to inflate")
                     : err_set(err, RC_INVALID, "deflated data set is damaged or cut short");
            break;
        }
    }
    if (rc == RC_OK && z.avail_in + in.len > 1)
        rc = err_set(err, RC_INVALID, "%zu octets follow the deflated data set",
                     (size_t)z.avail_in + in.len);
    inflateEnd(&z);
    return rc;
}

enum rc deflate_octets(struct span in, struct buf *out, struct err *err)
{
    z_stream z = {0};
    size_t start = out->len;
    enum rc rc = RC_OK;
    int state = Z_OK;
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, DEFAULT_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(err, RC_NOMEM, "no memory to deflate");
    while (state != Z_STREAM_END && rc == RC_OK) {
        feed(&z, &in);
        rc = make_room(&z, out, err);
        if (rc != RC_OK)
            break;
        state = deflate(&z, in.len ? Z_NO_FLUSH : Z_FINISH);
        take(&z, out);
        if (state == Z_STREAM_ERROR)
            rc = err_set(err, RC_INTERNAL, "deflate failed");
    }
    deflateEnd(&z);
    if (rc == RC_OK && (out->len - start) % 2)
        buf_add_u8(out, 0);
    if (rc == RC_OK && buf_status(out) != RC_OK)
        rc = err_set(err, buf_status(out), "no room for a deflated data set");
    return rc;
}
