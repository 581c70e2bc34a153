/* SPDX-License-Identifier: Apache-2.0 */
#include "core/proxy.h"

#include <netinet/in.h>
#include <string.h>

static const uint8_t signature[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                    0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

enum { AT_COMMAND = sizeof(signature), AT_FAMILY, AT_LENGTH, VERSION_2 = 2, TLV_HEAD = 3 };
enum command { COMMAND_LOCAL, COMMAND_PROXY };

static size_t u16(const uint8_t *octets)
{
    return (size_t)octets[0] << 8 | octets[1];
}

enum rc proxy_length(struct span so_far, size_t *length, struct err *err)
{
    size_t n = so_far.len < sizeof(signature) ? so_far.len : sizeof(signature);

    *length = PROXY_FIXED_BYTES;
    if (n > 0 && memcmp(so_far.data, signature, n) != 0) {
        bool is_text = n >= 5 && memcmp(so_far.data, "PROXY", 5) == 0;
        return err_set(err, RC_INVALID, "%s",
                       is_text ? "a PROXY header of version 1; version 2 is due"
                               : "no PROXY header, which is due from an address of proxy-from");
    }
    if (so_far.len < PROXY_FIXED_BYTES)
        return RC_OK;
    *length += u16(so_far.data + AT_LENGTH);
    if (*length > PROXY_MAX_BYTES)
        return err_set_limit(err, LIMIT_proxy_header, 0,
                             "a PROXY header of %zu octets, more than %d", *length,
                             PROXY_MAX_BYTES);
    return RC_OK;
}

static void read_ipv4(const uint8_t *octets, struct sockaddr_storage *source)
{
    struct sockaddr_in in = {.sin_family = AF_INET};

    memcpy(&in.sin_addr, octets, 4);
    memcpy(&in.sin_port, octets + 8, 2);
    memcpy(source, &in, sizeof(in));
}

static void read_ipv6(const uint8_t *octets, struct sockaddr_storage *source)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6};

    memcpy(&in.sin6_addr, octets, 16);
    memcpy(&in.sin6_port, octets + 32, 2);
    memcpy(source, &in, sizeof(in));
}

/* What may arrive as a stream. Source and destination address, then source and destination port. */
static const struct family {
    uint8_t octet;
    size_t bytes;
    void (*read)(const uint8_t *octets, struct sockaddr_storage *source);
} families[] = {
    {0x00, 0, NULL},       /* unspecified */
    {0x11, 12, read_ipv4}, /* TCP over IPv4 */
    {0x21, 36, read_ipv6}, /* TCP over IPv6 */
    {0x31, 216, NULL},     /* local sockets: their names mean nothing here */
};

static enum rc check_tlvs(struct span tlvs, struct err *err)
{
    for (size_t at = 0; at < tlvs.len;) {
        size_t left = tlvs.len - at;
        if (left < TLV_HEAD || left - TLV_HEAD < u16(tlvs.data + at + 1))
            return err_set(err, RC_INVALID, "a PROXY header whose TLVs do not fit");
        at += TLV_HEAD + u16(tlvs.data + at + 1);
    }
    return RC_OK;
}

static enum rc decode_proxied(uint8_t octet, struct span body, struct proxy_header *out,
                              struct err *err)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const struct family *f = &families[i];
        if (f->octet != octet)
            continue;
        if (body.len < f->bytes)
            return err_set(err, RC_INVALID,
                           "a PROXY header of family 0x%02X with %zu octets, not %zu", octet,
                           body.len, f->bytes);
        if (f->read)
            f->read(body.data, &out->source);
        /* Behind an unspecified family may be anything, which is to be ignored. */
        return octet == 0 ? RC_OK
                          : check_tlvs(span_of(body.data + f->bytes, body.len - f->bytes), err);
    }
    return err_set(err, RC_INVALID, "a PROXY header of family 0x%02X", octet);
}

enum rc proxy_decode(struct span header, struct proxy_header *out, struct err *err)
{
    size_t length;
    enum rc rc = proxy_length(header, &length, err);

    *out = (struct proxy_header){.source.ss_family = AF_UNSPEC};
    if (rc != RC_OK)
        return rc;
    if (header.len != length)
        return err_set(err, RC_INVALID, "a PROXY header of %zu octets in %zu", length, header.len);
    uint8_t version = header.data[AT_COMMAND] >> 4, command = header.data[AT_COMMAND] & 0x0F;
    if (version != VERSION_2)
        return err_set(err, RC_INVALID, "a PROXY header of version %u", version);
    if (command == COMMAND_LOCAL)
        return RC_OK; /* whatever else it says */
    if (command != COMMAND_PROXY)
        return err_set(err, RC_INVALID, "a PROXY header with command %u", command);
    return decode_proxied(header.data[AT_FAMILY],
                          span_of(header.data + PROXY_FIXED_BYTES, header.len - PROXY_FIXED_BYTES),
                          out, err);
}
