/* SPDX-License-Identifier: Apache-2.0
 *
 * net/pdu: headers, the four small PDUs, P-DATA-TF, and the words for all of them.
 *
 * Everything here is a function of its arguments. The associate PDUs with their items have files of
 * their own: associate_decode.c and associate_encode.c.
 */
#include "net/pdu.h"

enum { SMALL_BODY_BYTES = 4 }; /* PS3.8 9.3.4, 9.3.6 to 9.3.8 */

/* PS3.8 9.3.5.1, Annex E.2: message control header */
enum { PDV_COMMAND = 0x01, PDV_LAST = 0x02 };

ssize_t pdu_decode_header(struct span octets, enum pdu_type *type, uint32_t *body_bytes)
{
    if (octets.len < PDU_HEADER_BYTES) {
        return 0;
    }
    if (octets.data[0] < PDU_ASSOCIATE_RQ || octets.data[0] > PDU_ABORT) {
        return RC_INVALID;
    }
    *type = (enum pdu_type)octets.data[0];
    *body_bytes = get_be32(octets.data + 2);
    return PDU_HEADER_BYTES;
}

static enum rc check_small(struct span body, enum pdu_type type, struct err *err)
{
    if (body.len != SMALL_BODY_BYTES) {
        return err_set(err, RC_INVALID, "%s of length %zu instead of %d", pdu_type_name(type),
                       body.len, SMALL_BODY_BYTES);
    }
    return RC_OK;
}

enum rc pdu_decode_reject(struct span body, struct pdu_reject *out, struct err *err)
{
    enum rc rc = check_small(body, PDU_ASSOCIATE_RJ, err);
    if (rc == RC_OK) {
        *out = (struct pdu_reject){body.data[1], body.data[2], body.data[3]};
    }
    return rc;
}

enum rc pdu_decode_abort(struct span body, struct pdu_abort *out, struct err *err)
{
    enum rc rc = check_small(body, PDU_ABORT, err);
    if (rc == RC_OK) {
        *out = (struct pdu_abort){body.data[2], body.data[3]};
    }
    return rc;
}

enum rc pdu_decode_release(struct span body, struct err *err)
{
    return check_small(body, PDU_RELEASE_RQ, err);
}

ssize_t pdu_decode_pdv_header(struct span octets, uint32_t rest_bytes, struct pdu_pdv *out,
                              uint32_t *fragment_bytes, struct err *err)
{
    if (rest_bytes < PDV_HEADER_BYTES) {
        return err_set(err, RC_INVALID, "%u octets where a PDV header needs %d", rest_bytes,
                       PDV_HEADER_BYTES);
    }
    if (octets.len < PDV_HEADER_BYTES) {
        return 0;
    }
    uint32_t length = get_be32(octets.data); /* counts context id and control header */
    if (length < 2 || length > rest_bytes - 4) {
        return err_set(err, RC_INVALID, "PDV of length %u in %u octets", length, rest_bytes - 4);
    }
    out->context_id = octets.data[4];
    out->is_command = (octets.data[5] & PDV_COMMAND) != 0;
    out->is_last = (octets.data[5] & PDV_LAST) != 0;
    out->fragment = span_of(NULL, 0);
    *fragment_bytes = length - 2;
    return PDV_HEADER_BYTES;
}

static void encode_small(struct buf *out, enum pdu_type type, uint8_t b, uint8_t c, uint8_t d)
{
    const uint8_t pdu[PDU_HEADER_BYTES + SMALL_BODY_BYTES] = {
        type, 0, 0, 0, 0, SMALL_BODY_BYTES, 0, b, c, d,
    };
    buf_add(out, pdu, sizeof(pdu));
}

void pdu_encode_reject(struct buf *out, const struct pdu_reject *rj)
{
    encode_small(out, PDU_ASSOCIATE_RJ, rj->result, rj->source, rj->reason);
}

void pdu_encode_abort(struct buf *out, const struct pdu_abort *ab)
{
    /* PS3.8 9.3.8: the reason is not significant, and sent as 0, when the user aborts. */
    encode_small(out, PDU_ABORT, 0, ab->source, ab->source == ABORT_SOURCE_USER ? 0 : ab->reason);
}

void pdu_encode_release(struct buf *out, enum pdu_type type)
{
    encode_small(out, type, 0, 0, 0);
}

void pdu_encode_pdata_header(uint8_t out[PDU_HEADER_BYTES], uint32_t body_bytes)
{
    out[0] = PDU_P_DATA_TF;
    out[1] = 0;
    put_be32(out + 2, body_bytes);
}

void pdu_encode_pdv_header(uint8_t out[PDV_HEADER_BYTES], uint8_t context_id, bool is_command,
                           bool is_last, uint32_t fragment_bytes)
{
    put_be32(out, fragment_bytes + 2);
    out[4] = context_id;
    out[5] = (uint8_t)((is_command ? PDV_COMMAND : 0) | (is_last ? PDV_LAST : 0));
}

void pdu_encode_pdata_prefix(uint8_t out[PDU_HEADER_BYTES + PDV_HEADER_BYTES], uint8_t context_id,
                             bool is_command, bool is_last, uint32_t fragment_bytes)
{
    pdu_encode_pdata_header(out, PDV_HEADER_BYTES + fragment_bytes);
    pdu_encode_pdv_header(out + PDU_HEADER_BYTES, context_id, is_command, is_last, fragment_bytes);
}

const char *pdu_type_name(unsigned type)
{
    static const char *const names[] = {
        [PDU_ASSOCIATE_RQ] = "A-ASSOCIATE-RQ",
        [PDU_ASSOCIATE_AC] = "A-ASSOCIATE-AC",
        [PDU_ASSOCIATE_RJ] = "A-ASSOCIATE-RJ",
        [PDU_P_DATA_TF] = "P-DATA-TF",
        [PDU_RELEASE_RQ] = "A-RELEASE-RQ",
        [PDU_RELEASE_RP] = "A-RELEASE-RP",
        [PDU_ABORT] = "A-ABORT",
    };
    return type >= PDU_ASSOCIATE_RQ && type <= PDU_ABORT ? names[type] : "unknown PDU";
}

/* One row yields both texts, so that they can be constants. */
#define REJECT_ROW(source, reason, by, words)                         \
    {                                                                 \
        source, reason, "rejected permanently by the " by ": " words, \
            "rejected for now by the " by ": " words                  \
    }

const char *pdu_reject_text(const struct pdu_reject *rj)
{
    static const struct {
        uint8_t source;
        uint8_t reason;
        const char *permanent;
        const char *transient;
    } rows[] = {
        /* PS3.8 table 9-21 */
        REJECT_ROW(1, 1, "service user", "no reason given"),
        REJECT_ROW(1, 2, "service user", "application context name not supported"),
        REJECT_ROW(1, 3, "service user", "calling AE title not recognised"),
        REJECT_ROW(1, 7, "service user", "called AE title not recognised"),
        REJECT_ROW(2, 1, "service provider (ACSE)", "no reason given"),
        REJECT_ROW(2, 2, "service provider (ACSE)", "protocol version not supported"),
        REJECT_ROW(3, 1, "service provider (presentation)", "temporary congestion"),
        REJECT_ROW(3, 2, "service provider (presentation)", "local limit exceeded"),
    };
    bool is_transient = rj->result == 2;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].source == rj->source && rows[i].reason == rj->reason) {
            return is_transient ? rows[i].transient : rows[i].permanent;
        }
    }
    return is_transient ? "rejected for now, with a reason that PS3.8 does not know"
                        : "rejected permanently, with a reason that PS3.8 does not know";
}

const char *pdu_abort_text(const struct pdu_abort *ab)
{
    static const char *const reasons[] = {
        /* PS3.8 table 9-26 */
        [ABORT_NOT_SPECIFIED] = "aborted by the service provider: no reason given",
        [ABORT_UNRECOGNIZED_PDU] = "aborted by the service provider: unrecognised PDU",
        [ABORT_UNEXPECTED_PDU] = "aborted by the service provider: unexpected PDU",
        [3] = "aborted by the service provider: reserved reason",
        [ABORT_UNRECOGNIZED_PARAMETER] =
            "aborted by the service provider: unrecognised PDU parameter",
        [ABORT_UNEXPECTED_PARAMETER] = "aborted by the service provider: unexpected PDU parameter",
        [ABORT_INVALID_PARAMETER] = "aborted by the service provider: invalid PDU parameter value",
    };
    if (ab->source == ABORT_SOURCE_USER) {
        return "aborted by the service user";
    }
    if (ab->source != ABORT_SOURCE_PROVIDER) {
        return "aborted, by a source that PS3.8 does not know";
    }
    return ab->reason <= ABORT_INVALID_PARAMETER
               ? reasons[ab->reason]
               : "aborted by the service provider: unknown reason";
}

enum talk pdu_foreign_protocol(struct span first_octets)
{
    static const struct {
        const char *octets;
        size_t len;
        enum talk talk;
    } rows[] = {
#define ROW(octets, talk) {octets, sizeof(octets) - 1, TALK_##talk}
        ROW("GET ", http),      ROW("HEAD ", http),       ROW("POST ", http),
        ROW("PUT ", http),      ROW("DELETE ", http),     ROW("PATCH ", http),
        ROW("TRACE ", http),    ROW("OPTIONS ", http),    ROW("CONNECT ", http),
        ROW("PROPFIND ", http), ROW("PRI * HTTP", http2), ROW("\x16\x03", tls),
        ROW("SSH-", ssh),       ROW("PROXY ", proxy),     ROW("\r\n\r\n\0\r\nQUIT\n", proxy),
        ROW("EHLO ", smtp),     ROW("HELO ", smtp),       ROW("\x0bMSH|", hl7),
        ROW("MSH|", hl7),
#undef ROW
    };
    /* Six octets (a PDU header) decide: the longer patterns say no more than their beginning. */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = rows[i].len < PDU_HEADER_BYTES ? rows[i].len : PDU_HEADER_BYTES;
        if (first_octets.len >= n && memcmp(first_octets.data, rows[i].octets, n) == 0) {
            return rows[i].talk;
        }
    }
    return TALK_noise;
}
