/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/convert: the same data set in another transfer syntax, by DCMTK.
 *
 * Octets pass our scanner first, as DCMTK has had parser faults, and DCMTK's answer is read again and must
 * have the digest of the original: a conversion that would change content is refused, never sent. Deflate is
 * ours on both sides (with its ceiling), so DCMTK sees the three plain syntaxes only.
 *
 * Implicit VR is written with undefined lengths, as that alone says that a private element is a sequence;
 * the others with explicit lengths. Everything here is per call: any thread may convert.
 */
#include <cstring>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcwcache.h>

extern "C" {
#include "dcm/convert.h"

#include "vr.h"
}

namespace
{

enum { STEP_BYTES = 64 * 1024 };

E_TransferSyntax plain_syntax(const struct dcm_ts *ts)
{
    return !ts->is_explicit    ? EXS_LittleEndianImplicit
           : ts->is_big_endian ? EXS_BigEndianExplicit
                               : EXS_LittleEndianExplicit;
}

enum rc failed(struct err *err, const OFCondition &condition)
{
    return err_set(err, RC_UNSUPPORTED, "data set cannot be converted: %.150s", condition.text());
}

enum rc read_dcmtk(struct span octets, const struct dcm_ts *from, DcmDataset &dataset,
                   struct err *err)
{
    DcmInputBufferStream in;
    in.setBuffer(octets.data, static_cast<offile_off_t>(octets.len));
    in.setEos();
    dataset.transferInit();
    OFCondition condition = dataset.read(in, plain_syntax(from), EGL_noChange);
    dataset.transferEnd();
    return condition.good() ? RC_OK : failed(err, condition);
}

enum rc write_dcmtk(DcmDataset &dataset, const struct dcm_ts *to, struct buf *out, struct err *err)
{
    E_TransferSyntax syntax = plain_syntax(to);
    E_EncodingType lengths = to->is_explicit ? EET_ExplicitLength : EET_UndefinedLength;
    DcmWriteCache cache;
    OFCondition condition = dataset.chooseRepresentation(syntax, nullptr);
    if (condition.bad() || !dataset.canWriteXfer(syntax))
        return failed(err, condition);
    dataset.transferInit();
    do {
        uint8_t *room = buf_reserve(out, STEP_BYTES);
        void *written;
        offile_off_t len;
        if (!room)
            return err_set(err, buf_status(out), "no room for the converted data set");
        DcmOutputBufferStream stream(room, STEP_BYTES);
        condition =
            dataset.write(stream, syntax, lengths, &cache, EGL_withoutGL, EPD_withoutPadding);
        stream.flushBuffer(written, len);
        out->len += static_cast<size_t>(len);
        if (condition == EC_StreamNotifyClient && len == 0)
            break; /* no progress: would be for ever */
    } while (condition == EC_StreamNotifyClient);
    dataset.transferEnd();
    return condition.good() ? RC_OK : failed(err, condition);
}

/* Octets without deflate: borrowed, or in *work. */
enum rc plain_octets(struct span *octets, const struct dcm_ts *ts, struct buf *work,
                     struct err *err)
{
    if (!ts->is_deflated)
        return RC_OK;
    enum rc rc = inflate_octets(*octets, work, err);
    if (rc == RC_LIMIT)
        rc = err_set_limit(err, LIMIT_max_dataset, 0, "inflated more than %zu octets", work->limit);
    *octets = buf_span(work);
    return rc;
}

enum rc digest_octets(struct span octets, E_TransferSyntax syntax, const struct dcm_limits *limits,
                      uint8_t digest[DCM_DIGEST_BYTES], struct err *err)
{
    const char *uid = syntax == EXS_LittleEndianImplicit ? UID_IMPLICIT_LE
                      : syntax == EXS_BigEndianExplicit  ? UID_EXPLICIT_BE
                                                         : UID_EXPLICIT_LE;
    struct arena *arena =
        arena_new(limits->max_bytes * 4 + (static_cast<size_t>(limits->max_elements) * 128));
    struct dcm_item *item;
    enum rc rc = dcm_read(octets, dcm_ts_find(uid), limits, arena, &item, err);
    if (rc == RC_OK)
        rc = dcm_digest(item, digest, err);
    arena_free(arena);
    return rc;
}

enum rc convert_plain(struct span octets, const struct dcm_ts *from, const struct dcm_ts *to,
                      const struct dcm_limits *limits, struct buf *out, struct err *err)
{
    uint8_t before[DCM_DIGEST_BYTES], after[DCM_DIGEST_BYTES];
    struct dcm_limits room = *limits;
    room.max_bytes *= 2; /* headers and delimiters of another syntax are longer */
    enum rc rc = digest_octets(octets, plain_syntax(from), limits, before, err);
    if (rc != RC_OK)
        return rc;
    {
        DcmDataset dataset;
        rc = read_dcmtk(octets, from, dataset, err);
        if (rc == RC_OK)
            rc = write_dcmtk(dataset, to, out, err);
    }
    if (rc == RC_OK)
        rc = digest_octets(buf_span(out), plain_syntax(to), &room, after, err);
    /* A VR that is not the dictionary's, which Implicit VR cannot say, may make even reading impossible. */
    bool is_changed = rc == RC_OK && std::memcmp(before, after, sizeof before) != 0;
    if (rc == RC_INVALID || is_changed)
        rc = err_set(err, RC_UNSUPPORTED, "data set would change when converted to %s", to->name);
    return rc;
}

} // namespace

enum rc dcm_convert(struct span octets, const struct dcm_ts *from, const struct dcm_ts *to,
                    const struct dcm_limits *limits, struct buf *out, struct err *err)
{
    struct dcm_limits use = limits_or_default(limits);
    struct buf inflated, converted;
    buf_init(&inflated, use.max_bytes);
    buf_init(&converted, 2 * use.max_bytes + STEP_BYTES);
    enum rc rc;
    try {
        rc = plain_octets(&octets, from, &inflated, err);
        if (rc == RC_OK)
            rc = convert_plain(octets, from, to, &use, &converted, err);
        if (rc == RC_OK && to->is_deflated)
            rc = deflate_octets(buf_span(&converted), out, err);
        else if (rc == RC_OK)
            buf_add_span(out, buf_span(&converted));
        if (rc == RC_OK && buf_status(out) != RC_OK)
            rc = err_set(err, buf_status(out), "no room for the converted data set");
    } catch (...) {
        rc = err_set(err, RC_NOMEM, "no memory to convert a data set");
    }
    buf_fini(&inflated);
    buf_fini(&converted);
    return rc;
}
