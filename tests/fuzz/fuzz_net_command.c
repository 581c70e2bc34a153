/* SPDX-License-Identifier: Apache-2.0
 *
 * Command sets. What was decoded is encoded and decoded again, and must be the same but for what an encoder
 * does not send: comments and titles go out in the default repertoire.
 */
#include <ctype.h>

#include "fuzz.h"
#include "net/command.h"

static void check_text(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    CHECK(len < size);
    for (size_t i = 0; i < len; i++)
        CHECK((uint8_t)text[i] >= ' ' && text[i] != 0x7F);
}

static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~' || *text == '\\')
            return false;
    }
    return true;
}

static void check_same_text(const char *a, const char *b)
{
    CHECK(!is_plain(a) || strcmp(a, b) == 0);
}

static void check_same(const struct dimse_command *a, const struct dimse_command *b)
{
    CHECK(a->field == b->field && a->has == b->has && a->has_dataset == b->has_dataset);
    CHECK(a->message_id == b->message_id && a->responded_id == b->responded_id);
    CHECK(a->priority == b->priority && a->status == b->status && a->offending == b->offending);
    CHECK(a->originator_id == b->originator_id && a->remaining == b->remaining);
    CHECK(a->completed == b->completed && a->failed == b->failed && a->warning == b->warning);
    CHECK(strcmp(a->sop_class, b->sop_class) == 0);
    CHECK(strcmp(a->sop_instance, b->sop_instance) == 0);
    check_same_text(a->destination, b->destination);
    check_same_text(a->originator_aet, b->originator_aet);
    check_same_text(a->comment, b->comment);
}

static void check_texts(const struct dimse_command *c)
{
    check_text(c->sop_class, sizeof(c->sop_class));
    check_text(c->sop_instance, sizeof(c->sop_instance));
    check_text(c->destination, sizeof(c->destination));
    check_text(c->originator_aet, sizeof(c->originator_aet));
    check_text(c->comment, sizeof(c->comment));
    CHECK(dimse_field_name(c->field)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dimse_command first, second;
    struct err err = {0};
    enum rc rc = command_decode(span_of(data, size), &first, &err);
    check_texts(&first); /* also of a command that is refused: an answer is made from it */
    struct dimse_command rsp = command_response(&first, 0x0212);
    if (rc != RC_OK) {
        CHECK(rc == RC_INVALID && err.code == RC_INVALID && err.text[0]);
        CHECK(rsp.responded_id == first.message_id);
        return 0;
    }
    uint8_t *out = malloc(COMMAND_MAX_BYTES);
    CHECK(out != NULL);
    size_t len = command_encode_to(out, &first);
    CHECK(len <= COMMAND_MAX_BYTES && len % 2 == 0);
    CHECK_OK(command_decode(span_of(out, len), &second, &err), &err);
    check_same(&first, &second);

    len = command_encode_to(out, &rsp);
    CHECK(len <= COMMAND_MAX_BYTES);
    if (first.message_id && !(first.field & DIMSE_RESPONSE_BIT) && first.field != DIMSE_C_CANCEL_RQ)
        CHECK_OK(command_decode(span_of(out, len), &second, &err), &err);
    free(out);
    return 0;
}
