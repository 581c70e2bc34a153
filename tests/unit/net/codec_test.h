/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests do with whole command sets and whole PDUs; the server works in pieces.
 */
#ifndef TESTS_CODEC_TEST_H
#define TESTS_CODEC_TEST_H

#include "net/command.h"
#include "net/pdu.h"

static inline void encode_command(struct buf *out, const struct dimse_command *cmd)
{
    uint8_t octets[COMMAND_MAX_BYTES];
    buf_add(out, octets, command_encode_to(octets, cmd));
}

/* The next PDV of a P-DATA-TF body: consumed octets, 0 at the end of the body, negative rc. */
static inline ssize_t next_pdv(struct span rest, struct pdu_pdv *out, struct err *err)
{
    uint32_t fragment_bytes = 0;
    ssize_t n = rest.len > 0
                    ? pdu_decode_pdv_header(rest, (uint32_t)rest.len, out, &fragment_bytes, err)
                    : 0;
    if (n <= 0) {
        return n;
    }
    out->fragment = span_of(rest.data + n, fragment_bytes);
    return n + (ssize_t)fragment_bytes;
}

#endif
