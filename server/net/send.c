/* SPDX-License-Identifier: Apache-2.0
 *
 * net/assoc: messages to P-DATA-TF PDUs.
 *
 * A C-FIND that matches much sends hundreds of thousands of responses a second, so the usual message,
 * a command set and a small data set, is put together on the stack as one PDU with two PDVs (PS3.8
 * 9.3.5 and Annex E allow it) and handed to the stream in one write, without an allocation of our own.
 * What does not fit the peer's maximum goes in fragments, one PDU each: first the command set, then
 * the data set. Fragments are of even length (PS3.8 Annex E.1); an odd data set, which only a deflated
 * one can be, is padded with a NUL as PS3.5 A.5 says.
 *
 * The peer's maximum limits the length field of the PDU, so a lone PDV has 6 octets less.
 */
#include "net_internal.h"

#include "core/clock.h"

enum { SCRATCH_BYTES = 8192 };

static const uint8_t pad[1] = {0};

/* Everything in one PDU. */
static void send_whole(struct assoc *a, uint8_t id, struct span command, const struct span *data)
{
    uint8_t scratch[SCRATCH_BYTES];
    uint8_t *p = scratch + PDU_HEADER_BYTES;
    uint32_t data_len = data != NULL ? (uint32_t)data->len : 0;
    uint32_t padded = data_len + data_len % 2;
    uint32_t body =
        PDV_HEADER_BYTES + (uint32_t)command.len + (data != NULL ? PDV_HEADER_BYTES + padded : 0);

    pdu_encode_pdata_header(scratch, body);
    pdu_encode_pdv_header(p, id, true, true, (uint32_t)command.len);
    p += PDV_HEADER_BYTES;
    memcpy(p, command.data, command.len);
    p += command.len;
    if (data != NULL) {
        pdu_encode_pdv_header(p, id, false, true, padded);
        p += PDV_HEADER_BYTES;
    }
    if (PDU_HEADER_BYTES + body <= sizeof(scratch)) {
        if (data_len > 0) {
            memcpy(p, data->data, data_len);
            p += data_len;
        }
        if (padded != data_len) {
            *p++ = 0;
        }
        stream_write(a->stream, span_of(scratch, (size_t)(p - scratch)));
        return;
    }
    stream_write(a->stream, span_of(scratch, (size_t)(p - scratch)));
    stream_write(a->stream, *data);
    stream_write(a->stream, span_of(pad, padded - data_len));
}

static void send_fragments(struct assoc *a, uint8_t id, bool is_command, struct span rest)
{
    uint8_t prefix[PDU_HEADER_BYTES + PDV_HEADER_BYTES];
    const uint32_t room = (a->send_max - PDV_HEADER_BYTES) & ~1u;
    bool is_last;
    do {
        uint32_t n = rest.len < room ? (uint32_t)rest.len : room;
        uint32_t odd = n % 2; /* only the last can be, and then there is room for the padding */
        is_last = n == rest.len;
        pdu_encode_pdata_prefix(prefix, id, is_command, is_last, n + odd);
        stream_write(a->stream, span_of(prefix, sizeof(prefix)));
        stream_write(a->stream, span_of(rest.data, n));
        stream_write(a->stream, span_of(pad, odd));
        rest = span_of(rest.data + n, rest.len - n);
    } while (!is_last);
}

enum rc assoc_send(struct assoc *a, const struct assoc_context *ctx,
                   const struct dimse_command *cmd, const struct span *data)
{
    uint8_t octets[COMMAND_MAX_BYTES];
    struct dimse_command full = *cmd;

    /* DT-1 or AR-7: the state stays as it is. */
    if (fsm_step(a->state, UL_EV_LOCAL_PDATA).action == UL_ACTION_INVALID || ctx == NULL ||
        !ctx->accepted) {
        return RC_INVALID;
    }
    full.has_dataset = data != NULL;
    struct span command = span_of(octets, command_encode_to(octets, &full));
    size_t body = PDV_HEADER_BYTES + command.len;
    if (data != NULL) {
        size_t left = SIZE_MAX - body - PDV_HEADER_BYTES - 1;
        body = data->len < left ? body + PDV_HEADER_BYTES + data->len + data->len % 2 : SIZE_MAX;
    }
    if (body <= a->send_max) {
        send_whole(a, ctx->id, command, data);
    } else {
        send_fragments(a, ctx->id, true, command);
        if (data != NULL) {
            send_fragments(a, ctx->id, false, *data);
        }
    }
    a->messages_out++;
    a->last_use_ms = clock_now_ms();
    return RC_OK;
}
