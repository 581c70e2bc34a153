/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines with what a peer chooses in them: AE titles, addresses, reasons. Whatever it is, a line is one line, of no
 * more than 4096 octets, and has the keys that the code gave it: nobody can add a pair or forge a second line.
 *
 * Input: the format of the log, a choice of message, then three counted texts.
 */
#include <sys/uio.h>
#include <unistd.h>

#include <jansson.h>

#include "core/log.h"
#include "fuzz.h"

static char line[8192];
static size_t line_len;
static bool is_listening;

/* The linker gives the log's writev(2) to us (--wrap in CMakeLists.txt). */
ssize_t __real_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count)
{
    if (!is_listening)
        return __real_writev(fd, parts, count);
    CHECK(fd == STDERR_FILENO && line_len == 0);
    for (int i = 0; i < count; i++) {
        CHECK(parts[i].iov_len <= sizeof(line) - line_len);
        memcpy(line + line_len, parts[i].iov_base, parts[i].iov_len);
        line_len += parts[i].iov_len;
    }
    return (ssize_t)line_len;
}

static const char *const keys[][12] = {
    {"time", "level", "event", "assoc", "msg_id", "peer", "aet", "a", "b", "n", NULL},
    {"time", "level", "event", "assoc", "msg_id", "peer", "aet", "msg", NULL},
    {"time", "level", "event", "assoc", "msg_id", "peer", "aet", "x", "y", NULL},
};

static void say(unsigned choice, const struct log_ctx *ctx, char *const texts[3], size_t number)
{
    struct log_pair pairs[] = {{"x", texts[0], 0, 0}, {"y", NULL, (int64_t)number, 1}};
    line_len = 0;
    is_listening = true;
    if (choice == 0)
        log_warn(ctx, "fuzz.pairs", "a=\"%s\" b=%s n=%zu", texts[0], texts[1], number);
    else if (choice == 1)
        log_warn(ctx, "fuzz.sentence", "the peer says %s and %s", texts[0], texts[1]);
    else
        log_pairs(LOG_WARN, ctx, "fuzz.listed", pairs, 2);
    is_listening = false;
}

static bool is_key(unsigned choice, const char *key, size_t len, unsigned *next)
{
    for (; keys[choice][*next]; (*next)++) {
        if (strlen(keys[choice][*next]) == len && memcmp(keys[choice][*next], key, len) == 0) {
            (*next)++; /* in this order, some may be left out */
            return true;
        }
    }
    return false;
}

static void check_json(unsigned choice)
{
    json_error_t error;
    unsigned next = 0;
    const char *key;
    json_t *root = json_loadb(line, line_len - 1, JSON_REJECT_DUPLICATES, &error), *value;
    CHECK(json_is_object(root));
    json_object_foreach(root, key, value)
    {
        CHECK(is_key(choice, key, strlen(key), &next));
        CHECK(json_is_string(value) || json_is_number(value));
    }
    json_decref(root);
}

/* key=value or key="value" with escapes, one space between. */
static void check_logfmt(unsigned choice)
{
    unsigned next = 0;
    for (size_t at = 0; at < line_len - 1;) {
        char *equals = memchr(line + at, '=', line_len - at);
        CHECK(equals && is_key(choice, line + at, (size_t)(equals - line) - at, &next));
        at = (size_t)(equals - line) + 1;
        if (line[at] == '"') {
            for (at++; line[at] != '"'; at++) {
                at += line[at] == '\\';
                CHECK(at < line_len);
            }
            at++;
        } else {
            while (line[at] != ' ' && line[at] != '\n') {
                CHECK(line[at] != '"' && line[at] != '=');
                at++;
            }
        }
        CHECK(line[at] == (at == line_len - 1 ? '\n' : ' '));
        at++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    bool is_json = feed_u8(&f) & 1;
    unsigned choice = feed_u8(&f) % 3;
    char *texts[3];
    for (unsigned i = 0; i < 3; i++)
        texts[i] = heap_text(feed_counted(&f));
    struct log_ctx ctx = {
        .assoc = 17, .msg = 1, .has_msg = true, .peer = "192.0.2.1:104", .aet = texts[2]};
    log_configure(LOG_INFO, is_json ? LOG_JSON : LOG_LOGFMT);
    say(choice, &ctx, texts, size);
    CHECK(line_len > 0 && line_len <= 4096 && line[line_len - 1] == '\n');
    CHECK(utf8_is_valid(span_of(line, line_len)));
    for (size_t i = 0; i + 1 < line_len; i++)
        CHECK((uint8_t)line[i] >= ' ' && line[i] != 0x7F);
    if (is_json)
        check_json(choice);
    else
        check_logfmt(choice);
    for (unsigned i = 0; i < 3; i++)
        free(texts[i]);
    return 0;
}
